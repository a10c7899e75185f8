"""Foreign agents, which know nothing of the mesh: their cards, what they ask of callers, and how they are listed."""
