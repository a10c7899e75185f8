"""What a gateway knows of tasks: an index in memory of those that went through it, for ``ListTasks``."""
