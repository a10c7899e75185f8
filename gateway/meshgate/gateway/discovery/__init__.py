"""The catalogue: what a caller may use, found by words (ARD 0.91). May import ``routing`` and what that imports."""
