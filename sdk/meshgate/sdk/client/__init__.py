"""The client: ``Mesh``, its requests and results, and how it finds a gateway."""
