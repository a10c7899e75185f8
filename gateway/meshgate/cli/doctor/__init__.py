"""The checks of ``meshgate doctor``."""
