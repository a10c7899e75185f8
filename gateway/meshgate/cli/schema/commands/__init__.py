"""The commands ``meshgate schema …``, one module for each."""
