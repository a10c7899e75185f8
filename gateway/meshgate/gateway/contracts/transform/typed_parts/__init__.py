"""The typed parts of A2A's messages: found, read, converted, and put back."""
