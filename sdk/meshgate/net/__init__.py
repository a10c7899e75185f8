"""Network I/O: HTTP and gRPC servers, the HTTP client, timers, the addresses that may be called. May import ``a2a``."""

from meshgate.net.server import HttpServer, bind

__all__ = ["HttpServer", "bind"]
