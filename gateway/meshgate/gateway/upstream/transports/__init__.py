"""The transports to agents: one module for each carrier of bindings, and the table of all. May import
``upstream.send``.
"""
