"""A skill and its options, as values."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict

import msgspec

from meshgate.registry.groups import TOOL
from meshgate.registry.model import Migration
from meshgate.sdk.context import Context
from meshgate.sdk.skills.part_codec import PartCodec

__all__ = ["TOOL", "Keep", "Skill", "SkillOptions"]


Keep = Literal["no", "later", "now", "check"]
"""What is done with a lock file that is not current: see ``AgentContracts.apply``."""


class SkillOptions(TypedDict, total=False):
    """Options of ``@agent.skill(...)``, besides name and version."""

    tags: Sequence[str]
    """Words to select it by."""
    labels: Mapping[str, str]
    """Pairs to select it by."""
    examples: Sequence[str]
    """Things to say to it, for the card."""
    default: bool
    """Whether it serves calls that name the agent and no skill."""
    reentrant: int
    """Times that it may be on one path of calls; 1 unless given."""
    task: bool
    """False answers with a plain message: cheaper, but without progress, streams and cancelling."""
    cost_usd: float | None
    """Estimated cost of a call, in US dollars."""
    latency: float | None
    """Estimated time of a call, in seconds."""
    owner: str
    """Owner of its contract: a team, an address."""
    steward: str
    """Who may change the stages of the contract's releases, if not the owner."""
    migrations: Sequence[Migration]
    """Conversions between this version of the contract and earlier ones."""


class Skill(msgspec.Struct, frozen=True):
    """One thing an agent can do."""

    id: str
    function: Callable[..., Awaitable[Any] | AsyncIterator[Any]]
    takes: PartCodec
    gives: PartCodec
    argument: str
    """The name of its parameter for the input, or ""."""
    context: str
    """The name of its parameter for the context, or ""."""
    streams: bool
    """Whether it is an async generator."""
    version: str
    description: str = ""
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    examples: tuple[str, ...] = ()
    default: bool = False
    reentrant: int = 1
    task: bool = True
    cost_usd: float | None = None
    latency: float | None = None
    owner: str = ""
    steward: str = ""
    migrations: tuple[Migration, ...] = ()

    def for_modes(self, modes: Sequence[str]) -> Skill:
        """The skill for a caller who accepts these media types, best first."""
        gives = self.gives.for_modes(modes) if modes else self.gives
        return self if gives is self.gives else msgspec.structs.replace(self, gives=gives)

    def start(self, given: Any, context: Context) -> Any:
        """Call the function; what it returns is awaited, or iterated if ``streams``."""
        named: dict[str, Any] = {self.argument: given} if self.argument else {}
        if self.context:
            named[self.context] = context
        return self.function(**named)


class Tool(msgspec.Struct, frozen=True):
    """The description of a tool for a model."""

    name: str
    version: str
    description: str
    parameters: dict[str, Any]
    """JSON Schema of its input, an object."""
    returns: dict[str, Any] | None = None
    """JSON Schema of its output; None where that is text."""
