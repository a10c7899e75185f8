"""The policies, one a file. ``meshgate.gateway.app`` says which are on, and in what order."""
