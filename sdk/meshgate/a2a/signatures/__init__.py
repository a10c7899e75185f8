"""Signatures of agent cards (specification 1.0.1, section 8.4): what is signed, with which keys, and how it is checked.

Pure: no I/O. What signs or checks needs the package ``cryptography``. May import A2A's cards and codecs.
"""
