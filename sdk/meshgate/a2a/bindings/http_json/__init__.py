"""The HTTP+JSON binding of A2A 1.0: the binding itself, its paths, its queries and its errors."""
