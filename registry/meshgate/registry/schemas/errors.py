"""What is said of a schema that cannot be taken."""

from __future__ import annotations

from meshgate.a2a.errors import MeshError

__all__ = ["BadSchema"]


class BadSchema(MeshError):
    """A descriptor set, or what a release says of it, is not acceptable.

    Args:
        path: what is wrong: a file's name, or the full name of a message, field or enum.
        problem: what is wrong with it.
        remedy: what its author does about it.
    """

    code, summary = "BAD_SCHEMA", "the schema is not acceptable"

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        self.path, self.problem, self.remedy = path[:256], problem, remedy
        text = f"{self.path}: {problem}: {remedy}" if path else f"{problem}: {remedy}"
        super().__init__(text, violations=((self.path, f"{problem}: {remedy}"),))
