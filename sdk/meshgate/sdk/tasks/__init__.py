"""Tasks: the handler that serves calls, the work of one task, and the stores that keep tasks."""
