"""A2A 0.3, as far as it differs from 1.0: its messages, and their conversion to 1.0 and back. Pure: no I/O.

A module has one topic, and the tables of it. *Upgrade* is from 0.3 to 1.0, *downgrade* from 1.0 to 0.3. May import
A2A's types, errors, codecs and payloads, and nothing of the bindings.
"""
