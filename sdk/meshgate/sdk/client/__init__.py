"""The client's end: ``Mesh``, its requests and results, and how it finds a gateway."""
