"""The registry in Consul. Needs the extra ``consul``."""
