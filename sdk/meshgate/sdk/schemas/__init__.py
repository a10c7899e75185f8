"""Contracts from Python types: derived messages, their lock file, and generated clients."""
