"""Derives messages from Python types. Pure."""
