"""Jobs: their accounts, callers' rates, and the calls in flight. May import ``facts`` and ``config``."""
