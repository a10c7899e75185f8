"""``meshgate key``: the keys of those who call agents, register agents, and run the mesh."""
