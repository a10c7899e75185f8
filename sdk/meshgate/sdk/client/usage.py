"""Budgets and usage: what a job may use, and what work used."""

from __future__ import annotations

import math

import msgspec

from meshgate.sdk.option_check import is_number

__all__ = ["Budget", "Usage"]


class Usage(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Tokens, cost and tool calls of work, as the agent reports them (metadata key ``meshgate/usage``)."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    tool_calls: int = 0

    def tree(self) -> dict[str, int | float]:
        """The fields that are not zero, as JSON."""
        return {key: value for key, value in msgspec.to_builtins(self).items() if value}


class Budget(msgspec.Struct, frozen=True):
    """The most that a job may use, everything that descends from this call included. None: the mesh's default."""

    calls: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("calls", self.calls), ("seconds", self.seconds)):
            if value is not None and not is_number(value):
                raise TypeError(f"a budget's {name} are a number, not {value!r}")
        if self.calls is not None and not 1 <= self.calls < math.inf:
            raise ValueError(f"a budget's calls are a number of 1 or more, not {self.calls}")
        if self.seconds is not None and not 0.0 < self.seconds < 1e9:
            raise ValueError(f"a budget's seconds are a finite number above 0, not {self.seconds}")

    def header(self) -> str:
        """The value of the header ``meshgate-budget``."""
        terms = [f"calls={self.calls}"] if self.calls is not None else []
        if self.seconds is not None:
            terms.append(f"seconds={self.seconds:g}")
        return ",".join(terms)
