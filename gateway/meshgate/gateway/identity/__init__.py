"""Who calls and what it may use: keys, the mesh key, and what is derived from it.

May import ``facts`` and ``config``.
"""
