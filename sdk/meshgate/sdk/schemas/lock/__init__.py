"""The lock file that keeps field numbers, and the releases recorded in it."""
