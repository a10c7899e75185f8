"""Small changes that no test can notice, or should not, each with the reason. ``make mutants`` leaves them out, and
``make mutants ARGS=--all`` fails if a test notices one after all.
"""

from __future__ import annotations

__all__ = ["EQUIVALENT"]

_GATEWAY = "gateway/meshgate/gateway/"

EQUIVALENT: dict[str, str] = {}
