from meshgate.cli.app import main

__all__ = ["main"]
