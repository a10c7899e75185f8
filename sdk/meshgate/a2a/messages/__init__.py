"""Messages of A2A beside those of ``types``, and what all of them are made from."""
