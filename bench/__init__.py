"""``make bench``: the cost of a call, compared with Envoy, nginx and a bare a2a-sdk agent, interleaved in one run."""
