"""The instances of agents: their health, breakers and load, and the way to each.

May import ``observe`` and ``identity``.
"""
