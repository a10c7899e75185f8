"""The gate of a gateway that cannot compile contracts: it admits agents without contracts, and refuses all others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meshgate.a2a.errors import UnsupportedOperation
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.registry.extras import CONTRACTS, REMEDY, has
from meshgate.registry.model import Capability
from meshgate.registry.schemas import Image, Subject

__all__ = ["ClosedGate", "make_gate"]


class ClosedGate(SchemaGate):
    """Refuses to judge a release. A release that nobody judged must not become one, or other gateways would serve it.

    An agent that is listed already keeps its lease here: ``knows`` only reads what is stored.
    """

    async def load_skills(
        self, skills: tuple[Capability, ...], images: tuple[bytes, ...]
    ) -> tuple[tuple[Capability, ...], dict[str, Image]]:
        """Refuse: whoever judges a release begins with this.

        Raises:
            UnsupportedOperation: always.
        """
        del images
        named = ", ".join(one.skill for one in skills if one.contracts) or "a skill"
        raise UnsupportedOperation(
            f"this gateway is installed without contracts, and {named} has one: install the gateway by {REMEDY}, "
            "or join without contracts"
        )


def make_gate(
    store: SchemaStore,
    restore: Callable[[str], Awaitable[None]] | None = None,
    limits: Limits = DEFAULTS,
    last: Callable[[str], Subject | None] | None = None,
) -> SchemaGate:
    """The gate that this installation can have; ``SchemaGate`` says what the arguments are."""
    kind = SchemaGate if has(CONTRACTS) else ClosedGate
    return kind(store, restore, limits, last=last)
