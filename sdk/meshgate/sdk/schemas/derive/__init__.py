"""Derives protobuf messages from Python types, without I/O."""
