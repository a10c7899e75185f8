"""Which release's card is served where several run."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.a2a.selector import parse_selector
from meshgate.registry.model import Capability
from meshgate.testing import LocalMesh, text
from tests.gateway.calls import ANN
from tests.gateway.meshes import virtual_mesh
from tests.support.virtual_loop import virtual_time


def version(mesh: LocalMesh, target: str) -> str:
    """The version that the served card of a target names."""
    card = mesh.gateway.cards.card(parse_selector(target), ANN, "http://mesh.test")
    assert card is not None
    tree: dict[str, Any] = msgspec.json.decode(card)
    return str(tree["version"])


@pytest.mark.requirement("edge.cards")
@pytest.mark.parametrize(
    ("versions", "newest"),
    [
        (["1.0.0", "2.0.0"], "2.0.0"),
        (["2.0.0", "1.0.0"], "2.0.0"),
        (["9.0.0", "10.0.0"], "10.0.0"),
        (["10.0.0", "9.0.0"], "10.0.0"),
        (["1.9.0", "1.10.0", "1.2.0"], "1.10.0"),
        (["2.0.0-rc.1", "2.0.0", "2.0.0-rc.2"], "2.0.0"),
    ],
)
@virtual_time
async def test_the_card_of_the_newest_release_is_served(versions: list[str], newest: str) -> None:
    async with virtual_mesh() as mesh:
        for number in versions:
            await mesh.add("echo", text("hello"), version=number, skills=(Capability("say", number),))
        assert version(mesh, "echo") == newest
        assert version(mesh, "say@*") == newest


@pytest.mark.requirement("edge.cards")
@virtual_time
async def test_the_card_of_a_skill_in_a_range_is_that_of_the_newest_release_in_it() -> None:
    async with virtual_mesh() as mesh:
        for number in ("1.9.0", "1.10.0", "2.0.0"):
            await mesh.add("echo", text("hello"), version=number, skills=(Capability("say", number),))
        assert version(mesh, "say@^1") == "1.10.0"
