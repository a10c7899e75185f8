"""The constraints of protovalidate: compiled with a contract, and checked on messages."""
