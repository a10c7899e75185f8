"""The command line ``meshgate``."""

from meshgate.cli.app import main

__all__ = ["main"]
