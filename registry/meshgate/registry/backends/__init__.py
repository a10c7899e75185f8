"""The backends of a registry: memory, one SQLite file, Consul. Each implements ``interface.Registry``."""
