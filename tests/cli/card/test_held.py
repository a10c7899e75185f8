"""``meshgate card diff`` and ``accept``, and where else a card that waits is told."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from meshgate.cli.admin_client import Admin
from meshgate.cli.app import main
from meshgate.cli.card import app, held
from meshgate.cli.commands import agents
from meshgate.cli.doctor import mesh_checks
from meshgate.cli.exits import Exit

pytestmark = pytest.mark.requirement("trust.shown")

MAPS = {
    "agent": "maps",
    "tenant": "default",
    "instance": "maps-1",
    "accepted": "ab" * 32,
    "candidate": "cd" * 32,
    "since": 5.0,
    "reasons": ["the name changed"],
    "changes": ["name: 'Maps' -> 'Atlas'"],
}
THEIRS = {**MAPS, "tenant": "acme", "instance": "maps-2", "changes": []}


class Api:
    """The admin API: it answers by path, and notes what it is sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: Any) -> None:
        self.seen: list[tuple[str, str, Any]] = []
        self.answers: dict[str, Any] = {
            "cards/held": [MAPS, THEIRS],
            "agents": [],
            "refused-agents": [],
            "gateways": [],
        }
        self.answers |= {name.replace("_", "/"): answer for name, answer in answers.items()}
        environ = {"MESHGATE_ADMIN_URL": "http://127.0.0.1:3", "MESHGATE_ADMIN_KEY": "k"}

        def admin(*_: object) -> Admin:
            return Admin(environ, httpx.MockTransport(self._take))

        for module in (app, held, agents, mesh_checks):
            monkeypatch.setattr(module, "Admin", admin)

    def _take(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1/")
        self.seen.append((request.method, path, json.loads(request.content) if request.content else None))
        if self.answers[path] is None:
            return httpx.Response(404, json={"detail": "Not Found"})
        return httpx.Response(200, json=self.answers[path])


def test_what_waits_is_shown_with_its_hash_the_reasons_and_the_changes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Api(monkeypatch)
    assert main(["card", "diff", "maps"]) == Exit.DONE
    assert capsys.readouterr().out == (
        f"maps (maps-1)\n  card {'cd' * 32}\n  waits: the name changed\n  name: 'Maps' -> 'Atlas'\n"
    )
    assert main(["card", "diff"]) == Exit.DONE
    assert "acme:maps (maps-2)" in capsys.readouterr().out
    assert main(["card", "diff", "maps", "--tenant", "acme", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out) == [THEIRS]


def test_nothing_that_waits_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    Api(monkeypatch, cards_held=[])
    assert main(["card", "diff"]) == Exit.DONE
    assert capsys.readouterr().err == "no card waits\n"
    assert main(["card", "diff", "maps"]) == Exit.FAILED
    assert "no card of 'maps' waits" in capsys.readouterr().err


def test_a_card_is_accepted_by_its_agent_and_hash(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api = Api(monkeypatch, cards_accept=[MAPS])
    assert main(["card", "accept", "maps", "--card", "cd" * 32]) == Exit.DONE
    assert api.seen == [
        ("POST", "cards/accept", {"agent": "maps", "tenant": "default", "candidate": "cd" * 32}),
    ]
    assert capsys.readouterr().err == "accepted: maps (maps-1)\n"


def test_the_key_is_rotated(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    api = Api(monkeypatch, cards_rotate={"generation": 7})
    assert main(["card", "rotate"]) == Exit.DONE
    assert api.seen == [("POST", "cards/rotate", {})]
    assert capsys.readouterr().err == "cards are signed with key 7 now\n"


def test_the_list_of_agents_and_the_doctor_say_what_waits_and_how_to_see_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Api(monkeypatch)
    assert main(["agents"]) == Exit.DONE
    said = capsys.readouterr().err
    assert "a changed card waits: maps: the name changed (meshgate card diff maps)" in said
    assert "acme:maps: the name changed (meshgate card diff maps --tenant acme)" in said
    found = {one.what: one for one in mesh_checks.check_mesh({})}
    assert (found["agent maps"].state, found["agent maps"].remedy.partition(";")[0]) == (
        "warn", "meshgate card diff maps"
    )  # fmt: skip
    assert found["agent acme:maps"].detail == "its card changed, and the one before is used: the name changed"


def test_a_gateway_that_knows_nothing_of_held_cards_is_no_reason_to_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Api(monkeypatch, cards_held=None)
    assert main(["agents"]) == Exit.DONE
    assert "waits" not in capsys.readouterr().err
    assert "admin port" in {one.what for one in mesh_checks.check_mesh({})}
    assert main(["card", "diff"]) == Exit.FAILED
    assert "is too old to answer this" in capsys.readouterr().err
