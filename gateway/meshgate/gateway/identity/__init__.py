"""Authentication and authorisation: callers' keys and the mesh key.

May import ``facts`` and ``config``.
"""
