"""The errors of contracts and of their lock file."""

from __future__ import annotations

from meshgate.a2a.errors import MeshError

__all__ = ["BadContract", "BadLock", "StaleLock"]


class BadContract(MeshError):
    """A skill's type cannot become a contract.

    Args:
        path: where: ``Model.field``.
        problem: what is wrong with it.
        remedy: how to write it.
    """

    code, summary = "BAD_CONTRACT", "a skill's type cannot become a contract"

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        self.path, self.problem, self.remedy = path, problem, remedy
        super().__init__(f"{path}: {problem}: {remedy}", violations=((path, f"{problem}: {remedy}"),))


class BadLock(MeshError):
    """The lock file cannot be used; it was left as it is."""

    code, summary = "BAD_LOCK", "the lock file of the contracts cannot be used"


class StaleLock(MeshError):
    """The lock file lacks what the types have, and it is frozen."""

    code, summary = "STALE_LOCK", "the lock file of the contracts is not current"
