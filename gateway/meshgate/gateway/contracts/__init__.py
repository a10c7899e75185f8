"""The contracts of skills: followed, checked, and converted between releases. May import ``facts`` and ``config``."""
