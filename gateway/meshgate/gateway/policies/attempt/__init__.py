"""Policies of one attempt: the instance is known."""
