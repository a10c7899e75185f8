"""Skills: how a function is declared, what its signature says, and how values become parts."""
