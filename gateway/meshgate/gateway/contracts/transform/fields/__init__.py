"""The values of fields: read from JSON, written to it, and mapped between two messages."""
