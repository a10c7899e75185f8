"""Where a registry is kept: in memory, in a file, in Consul. Each keeps the contract of ``interface``."""
