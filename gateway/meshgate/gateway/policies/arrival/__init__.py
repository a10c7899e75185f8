"""Policies of a call that arrives: they find the caller, the deadline, the job and the trace."""
