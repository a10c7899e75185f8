"""The join and admin ports. May import everything but ``process``."""
