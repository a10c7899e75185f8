"""What gateways and agents need of an HTTP server in a process that has its own signals and several servers."""

from meshgate.http.server import HttpServer, bind

__all__ = ["HttpServer", "bind"]
