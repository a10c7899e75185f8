"""The lineage of a call, as values: its job, its parent, and the path of agents and skills that led to it."""

from __future__ import annotations

import msgspec

__all__ = ["ARROW", "Lineage", "Step", "spell", "visit"]


ARROW = " → "
"""Stands between the visits of a path, as errors show it."""


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One visit on the path of calls: a skill of an agent."""

    agent: str
    skill: str


class Lineage(msgspec.Struct, frozen=True, array_like=True):
    """The place of a call in its job."""

    job: str
    """``HOME.RANDOM``: the gateway that keeps the job's account, and a random part."""
    parent: str
    """The id of the parent call; "" for a job's first call."""
    path: tuple[Step, ...] = ()
    """The visits that led here, first one first; the last is the agent that now calls."""
    remaining: float = 0.0
    """Seconds the parent had left when the token was minted."""
    audience: str = ""
    """The agent that the token was given to: no other agent may present it."""
    inferred: str = ""
    """How the place was worked out because no token came: ``open``, from the calls in flight to the agent; ``after``,
    from those it has answered; "" if it was not."""
    links: tuple[str, ...] = ()
    """Other calls that may have been the parent."""
    budget: str = ""
    """Which account is charged, if not the job's own."""
    minted: float = 0.0
    """When the token was minted, in wall-clock seconds since the epoch."""


def visit(path: tuple[Step, ...], agent: str, skill: str) -> tuple[Step, ...]:
    """The path of a call: the visits that led to it, and its own."""
    return (*path, Step(agent, skill))


def spell(path: tuple[Step, ...]) -> str:
    """A path as errors show it: ``a.ask → b.tell``."""
    return ARROW.join(f"{step.agent}.{step.skill}" for step in path)
