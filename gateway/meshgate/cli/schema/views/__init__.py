"""The terminal views of contracts."""
