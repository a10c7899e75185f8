"""What a job may spend, and whose child a call is. May import ``facts`` and ``config``."""
