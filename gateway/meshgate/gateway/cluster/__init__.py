"""What gateways of one mesh ask each other, at both ends.

May import ``upstream``, ``observe``, ``jobs`` and ``contracts``.
"""
