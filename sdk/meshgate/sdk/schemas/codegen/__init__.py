"""Writes clients and JSON Schema from contracts."""
