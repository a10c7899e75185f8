"""The text that tells a person why an agent could not start."""

from __future__ import annotations

import re

from meshgate.a2a.errors import MeshError

__all__ = ["explain"]

_HEAD = re.compile(r"(?:^|; )([^\s;:]+/[^\s;:]+ [^\s;:]+ (?:breaks the contract|was (?:retired|released)[^;:]*))")
_REMEDY = re.compile(r"[a-z]+ (?:it|them),? or raise the major version to [^\s;]+|(?<=: )raise the version")


def explain(error: MeshError) -> str:
    """The error in lines: what is refused, each reason with its place and its remedy, and the way out."""
    message = error.message
    reasons = [f"{place}: {problem}" if place else problem for place, problem in error.violations]
    heads = _HEAD.findall(message)
    if not heads:
        return "\n  ".join([f"error: {message}", *(reason for reason in reasons if reason not in message)]) + "\n"
    remedies = dict.fromkeys(_REMEDY.findall(message))
    return "\n  ".join([f"error: {'; '.join(heads)}:", *reasons, *remedies]) + "\n"
