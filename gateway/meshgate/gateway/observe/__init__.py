"""Observability: call records, metrics and logs, and the views that show them. The path of a call never reads it."""
