"""Push notifications: which addresses may be called, what is configured, what feeds a task, and what is sent."""
