"""The wire forms of A2A calls, replies, events and errors: bytes in, values out. May import ``a2a`` alone."""
