"""Keys are made, listed, rotated and revoked over the admin API, and hold at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from meshgate.a2a.errors import InvalidParams, Unauthenticated
from meshgate.gateway.identity.key_changes import KeyChanges
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.registry import MemoryRegistry
from tests.gateway.asgi import request
from tests.gateway.control_plane import ControlPlane, control_plane

pytestmark = pytest.mark.requirement("keys.admin")


@pytest.fixture
async def at() -> AsyncGenerator[ControlPlane]:
    async with control_plane(MemoryRegistry()) as plane:
        yield plane


async def ask(
    at: ControlPlane, method: str, path: str = "", body: Any = None, key: str | None = None
) -> tuple[int, Any]:
    headers = {"content-type": "application/json", "authorization": f"Bearer {key or at.admin_key}"}
    sent = b"" if body is None else msgspec.json.encode(body)
    answer = await request(at.admin, method, f"/api/v1/keys{path}", headers=headers, body=sent)
    return answer.status, answer.json


async def made(at: ControlPlane, **body: Any) -> tuple[str, dict[str, Any]]:
    status, answer = await ask(at, "POST", "", {"kind": "client", "name": "ann", **body})
    assert status == 200, answer
    return answer["key"], answer["record"]


def holds(at: ControlPlane, key: str) -> bool:
    try:
        at.keys.principal(key)
    except Unauthenticated:
        return False
    return True


async def test_a_key_is_made_with_its_scope_and_holds(at: ControlPlane) -> None:
    scope = {"tenant": "acme", "agents": ["a*", "b"], "skills": ["s-?"], "roles": ["admin"], "principal": "service"}
    before, expires = time.time(), time.time() + 60.0
    key, record = await made(at, **scope, expires=expires)
    assert key.startswith(f"mg_client_{record['id']}_")
    assert before <= record.pop("created") <= time.time()
    assert record == {
        **scope,
        "id": key.split("_")[2],
        "kind": "client",
        "name": "ann",
        "expires": expires,
        "state": "valid",
    }
    found = at.keys.principal(key)
    assert (found.id, found.tenant, found.agents, found.skills, found.roles, found.kind) == (
        "ann", "acme", ("a*", "b"), ("s-?",), frozenset({"admin"}), "service"
    )  # fmt: skip


async def test_a_key_of_each_kind_opens_its_own_door(at: ControlPlane) -> None:
    admin, _ = await made(at, kind="admin", name="ops")
    join, _ = await made(at, kind="join", name="team")
    assert (await ask(at, "GET", key=admin))[0] == 200
    assert (await ask(at, "GET", key=join))[0] == 401
    assert at.keys.require(f"Bearer {join}", "join").name == "team"


async def test_no_answer_holds_a_secret_or_a_hash_and_one_key_is_found_by_id_or_name(at: ControlPlane) -> None:
    key, record = await made(at)
    status, listed = await ask(at, "GET")
    assert status == 200
    assert [one for one in listed if one["id"] == record["id"]] == [record]
    assert [one["kind"] for one in listed] == ["admin", "client", "client", "join"]
    assert not {"hash", "key"} & {field for one in listed for field in one}
    assert key.split("_", 3)[3] not in str(listed)
    assert await ask(at, "GET", "/ann") == await ask(at, "GET", f"/{record['id']}") == (200, record)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"name": ""}, "name: '' is no name of a key"),
        ({"name": "agent:planner"}, "name: 'agent:planner' is no name of a key"),
        ({"name": "acme:ann"}, "is no name of a key: letters, digits, '.', '_', '-', '@', '+', at most 128"),
        ({"name": "a" * 129}, "is no name of a key"),
        ({"tenant": "a b"}, "tenant: 'a b' is no name"),
        ({"roles": ["admin", ""]}, "roles: '' is no name"),
        ({"agents": ["a\nb"]}, "agents: 'a\\nb' is no pattern: 1 to 128 visible ASCII characters"),
        ({"skills": [""]}, "skills: '' is no pattern"),
        ({"expires": 5.0}, "expires: a key cannot expire in the past"),
        ({"agents": []}, "body.agents: "),
        ({"kind": "root"}, "body.kind: "),
        ({"expires": -1}, "body.expires: "),
        ({"extra": 1}, "body.extra: "),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused_and_nothing_is_written(
    at: ControlPlane, body: dict[str, Any], told: str
) -> None:
    status, answer = await ask(at, "POST", "", {"kind": "client", "name": "ann", **body})
    assert status in (400, 422)
    assert told in answer["message"]
    assert (answer["code"], at.place.writes) == ("INVALID_PARAMS", 0)


async def test_a_rotated_key_has_the_same_name_and_scope_and_the_old_one_ends_later(at: ControlPlane) -> None:
    old, record = await made(at, agents=["a*"], expires=time.time() + 100.0)
    status, answer = await ask(at, "POST", f"/{record['id']}/rotate", {"keep": 50.0})
    new = answer["record"]
    assert status == 200
    assert [new[field] for field in ("name", "agents", "kind")] == ["ann", ["a*"], "client"]
    assert new["expires"] - new["created"] == pytest.approx(100.0, abs=0.5)
    assert answer["replaces"]["expires"] == pytest.approx(time.time() + 50.0, abs=5.0)
    assert holds(at, old)
    assert holds(at, answer["key"])
    # The old one never lives longer than it would have.
    _, answer = await ask(at, "POST", f"/{record['id']}/rotate", {"keep": 3000.0})
    assert answer["replaces"]["expires"] == pytest.approx(time.time() + 50.0, abs=5.0)


async def test_a_key_that_is_rotated_without_a_time_to_change_ends_at_once_and_says_so_to_its_holder(
    at: ControlPlane,
) -> None:
    old, record = await made(at)
    _, answer = await ask(at, "POST", "/ann/rotate", {"keep": 0})
    with pytest.raises(Unauthenticated, match=rf"^this key expired at 20.* UTC: 'meshgate key rotate {record['id']}'"):
        at.keys.principal(old)
    assert not holds(at, old[:-1] + ("x" if old[-1] != "x" else "y"))
    states = {one["id"]: one["state"] for one in (await ask(at, "GET"))[1]}
    assert (states[record["id"]], states[answer["record"]["id"]]) == ("expired", "valid")
    # By its name the living key is meant.
    assert (await ask(at, "GET", "/ann"))[1]["id"] == answer["record"]["id"]


async def test_a_revoked_key_ends_at_once_and_others_of_its_name_do_not(at: ControlPlane) -> None:
    first, record = await made(at)
    second, _ = await made(at)
    assert holds(at, first)
    status, answer = await ask(at, "POST", "/ann/revoke", {})
    assert (status, answer["code"]) == (404, "UNKNOWN_KEY")
    assert answer["message"].startswith("2 keys have the name 'ann': say which by its id: ")
    assert (await ask(at, "POST", f"/{record['id']}/revoke", {}))[0] == 200
    assert (holds(at, first), holds(at, second)) == (False, True)
    status, answer = await ask(at, "POST", f"/{record['id']}/revoke", {})
    assert (status, answer["code"]) == (404, "UNKNOWN_KEY")


async def test_the_last_key_that_opens_the_admin_api_stays(at: ControlPlane) -> None:
    (mine,) = (one for one in (await ask(at, "GET"))[1] if one["kind"] == "admin")
    status, answer = await ask(at, "POST", f"/{mine['id']}/revoke", {})
    assert (status, answer["code"]) == (409, "LAST_ADMIN_KEY")
    _, other = await made(at, kind="admin", name="other", expires=time.time() + 0.05)
    await asyncio.sleep(0.06)  # it has expired, and opens nothing
    assert (await ask(at, "POST", f"/{mine['id']}/revoke", {}))[0] == 409
    await made(at, kind="admin", name="third")
    assert (await ask(at, "POST", f"/{mine['id']}/revoke", {}))[0] == 200
    assert other["state"] == "valid"


async def test_a_development_key_is_nobodys_to_revoke_and_keeps_the_door_open() -> None:
    async with control_plane(MemoryRegistry()) as at:
        dev = new_key("admin", "dev")
        at.shared_keys.store = KeyStore(at.shared_keys.known.keys, [dev[1]])
        _, listed = await ask(at, "GET", key=dev[0])
        assert {one["name"]: one["state"] for one in listed if one["kind"] == "admin"}["dev"] == "development"
        for what in ("revoke", "rotate"):
            status, answer = await ask(at, "POST", f"/{dev[1].id}/{what}", {}, key=dev[0])
            assert (status, "made from the mesh key" in answer["message"]) == (400, True)
        (mine,) = (one for one in listed if one["kind"] == "admin" and one["state"] == "valid")
        assert (await ask(at, "POST", f"/{mine['id']}/revoke", {}, key=dev[0]))[0] == 200


async def test_while_the_list_is_away_a_change_is_refused_and_what_holds_holds(at: ControlPlane) -> None:
    key, record = await made(at)
    at.place.away = True
    status, answer = await ask(at, "POST", f"/{record['id']}/revoke", {})
    assert (status, answer["code"], holds(at, key)) == (503, "REGISTRY_UNAVAILABLE", True)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/x"), ("POST", ""), ("POST", "/x/revoke"), ("POST", "/x/rotate")]
)
async def test_keys_are_for_admin_keys_alone(at: ControlPlane, method: str, path: str) -> None:
    assert (await ask(at, method, path, {}, key=at.join_key))[0] == 401
    assert at.place.keys is None


async def test_who_changed_a_key_is_logged(at: ControlPlane) -> None:
    with capture_logs() as logs:
        _, record = await made(at)
        _, answer = await ask(at, "POST", f"/{record['id']}/rotate", {})
        await ask(at, "POST", f"/{record['id']}/revoke", {})
    told = [one for one in logs if one["event"].startswith("key_")]
    assert [(one["event"], one["key"]) for one in told] == [
        ("key_created", record["id"]),
        ("key_rotated", answer["record"]["id"]),
        ("key_revoked", record["id"]),
    ]
    by = at.admin_key.split("_")[2]
    assert all(f"({by})" in one["by"] for one in told)


async def test_a_key_that_nobody_limits_lives_and_one_that_ends_now_is_none(at: ControlPlane) -> None:
    changes = KeyChanges(at.shared_keys, lambda: 1000.0)
    _, record = await changes.create("client", "ann", "me")
    assert (record.created, record.expires) == (1000.0, 0.0)
    with pytest.raises(InvalidParams, match="in the past"):
        await changes.create("client", "ann", "me", expires=1000.0)
    assert (await changes.create("client", "ann", "me", expires=1000.5))[1].expires == 1000.5


async def test_of_many_keys_with_one_name_five_are_named(at: ControlPlane) -> None:
    for _ in range(6):
        await made(at)
    _, answer = await ask(at, "GET", "/ann")
    assert answer["message"].startswith("6 keys have the name 'ann'")
    assert answer["message"].count(",") == 4
