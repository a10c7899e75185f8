"""The cards that a gateway serves."""

from __future__ import annotations

import pytest

from meshgate.registry.model import Capability
from meshgate.testing import LocalMesh, text
from tests.gateway.asgi import request
from tests.gateway.meshes import virtual_mesh
from tests.support.virtual_loop import virtual_time


async def served(mesh: LocalMesh, place: str) -> str:
    """The version that the card at ``place`` has."""
    headers = {"authorization": f"Bearer {mesh.key}"}
    answer = await request(mesh.gateway.ingress, "GET", f"{place}/.well-known/agent-card.json", headers=headers)
    assert answer.status == 200
    return str(answer.json["version"])


@pytest.mark.requirement("edge.cards")
@pytest.mark.parametrize(
    ("versions", "newest"),
    [
        (("9.0.0", "10.0.0"), "10.0.0"),
        (("10.0.0", "9.0.0"), "10.0.0"),
        (("2.0.0", "2.0.0-rc.1"), "2.0.0"),
        (("1.9.0", "1.10.0", "1.2.0"), "1.10.0"),
        (("2024-05", "1.0.0"), "1.0.0"),
    ],
)
@pytest.mark.parametrize("skill_version", ["", "1.0.0"], ids=["skills with the agent's version", "one skill version"])
@virtual_time
async def test_the_card_of_the_newest_release_is_served(
    versions: tuple[str, ...], newest: str, skill_version: str
) -> None:
    async with virtual_mesh() as mesh:
        for version in versions:
            skills = (Capability("say", skill_version or version),)
            await mesh.add("echo", text("hello"), version=version, skills=skills, foreign=version == "2024-05")
        assert await served(mesh, "/agents/echo") == newest


@virtual_time
async def test_the_card_of_a_skill_is_that_of_the_newest_release_that_offers_it_in_the_range() -> None:
    async with virtual_mesh() as mesh:
        for version in ("10.0.0", "9.0.0"):
            await mesh.add("echo", text("hello"), version=version, skills=(Capability("say", "1.0.0"),))
        assert await served(mesh, "/skills/say@1") == "10.0.0"
