"""The admin API about cards."""

from __future__ import annotations

import pytest

from meshgate.registry import MemoryRegistry
from tests.gateway.asgi import request
from tests.gateway.control_plane import control_plane

pytestmark = pytest.mark.requirement("cards.rotated")


async def test_the_key_of_cards_is_rotated_by_who_has_an_admin_key_alone() -> None:
    async with control_plane(MemoryRegistry()) as at:
        path, headers = "/api/v1/cards/rotate", {"content-type": "application/json"}
        assert (await request(at.admin, "POST", path, headers=headers, body=b"{}")).status == 401
        assert at.gateway.card_keys.generation == 1
        headers |= {"authorization": f"Bearer {at.admin_key}"}
        for generation in (2, 3):
            answer = await request(at.admin, "POST", path, headers=headers, body=b"{}")
            assert (answer.status, answer.json) == (200, {"generation": generation})
            assert at.gateway.card_keys.generation == generation
