"""The questions between the gateways of one mesh, at both ends.

May import ``upstream``, ``observe``, ``jobs`` and ``contracts``.
"""
