"""Starts a mesh for ``meshgate up``, and finds the process that runs it."""
