"""Meshgate's additions to A2A: header names, lineage tokens, task ids that carry their owner.

Imports nothing of ours.
"""
