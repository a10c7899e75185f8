"""The server of an agent: its ASGI app, its listener, its membership in the mesh, and its logs."""
