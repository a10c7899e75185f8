"""A gateway as a process: ports, signals, drain, workers."""
