"""An agent on a port: its ASGI app, the listener, its membership in the mesh, and its logs and spans."""
