"""The commands ``meshgate schema …``."""
