"""The declared migrations between releases: found, compiled, and run on messages."""
