"""Network I/O: HTTP and gRPC servers, the HTTP client, timers, the addresses that may be called. May import ``a2a``.

It imports no module of its own: who only calls loads no server.
"""
