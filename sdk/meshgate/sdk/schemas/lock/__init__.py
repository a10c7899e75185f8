"""The lock file that keeps field numbers, and the releases written down in it."""
