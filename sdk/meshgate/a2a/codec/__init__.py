"""Strict reading of JSON and protobuf, and the conversion between the two. May import A2A's types and errors."""
