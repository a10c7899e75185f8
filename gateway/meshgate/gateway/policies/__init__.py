"""The policies, one a file. Which are on, and in what order, stands in ``meshgate.gateway.app``."""
