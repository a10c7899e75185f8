"""The HTTP+JSON binding of A2A 1.0 and of 0.3: the bindings, their paths, queries and errors."""
