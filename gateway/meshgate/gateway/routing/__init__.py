"""From a selector or a task id to a route, and from a route to an instance. May import ``upstream``."""
