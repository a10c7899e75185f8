"""Jobs: their accounts, callers' rates, and the calls in flight from which parents are inferred. May import ``facts``
and ``config``.
"""
