"""Meshgate's additions to A2A: header names, lineage tokens, task ids that carry their owner.

May import nothing of ours.
"""
