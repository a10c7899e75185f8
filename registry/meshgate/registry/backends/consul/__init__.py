"""The registry on Consul: ``registry`` is the backend. It needs the extra ``consul``."""
