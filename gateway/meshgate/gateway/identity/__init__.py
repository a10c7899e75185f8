"""Authentication and authorisation: callers' keys, the mesh key, and the credentials derived from it.

May import ``facts`` and ``config``.
"""
