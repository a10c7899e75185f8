"""A2A 0.3, as far as it differs from 1.0: what is said in it is turned into 1.0, and back."""
