"""``make bench``: what a call costs, beside Envoy, nginx and a bare a2a-sdk agent, interleaved in one run."""
