"""The wire forms of A2A calls, replies, events and errors, as bytes and as values. May import ``a2a`` alone."""
