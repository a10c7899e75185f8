"""The catalogue over HTTP: documents, searches, lists, entries, and who sees what."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from meshgate.gateway.config import Config, ConfigError, load_config
from meshgate.gateway.discovery.agent_list import AgentList
from meshgate.gateway.ingress.credentials import CredentialCheck
from meshgate.net.server import HttpServer, bind
from meshgate.testing import LocalMesh
from tests.gateway.asgi import Answer
from tests.gateway.discovery.crew import GERMAN, LEGAL, WEATHER, add, check, get, search, sent
from tests.gateway.meshes import limits, virtual_mesh
from tests.support.virtual_loop import virtual_time

MANIFESTS = ["/.well-known/ard.json", "/.well-known/ai-catalog.json"]
DOMAIN = "urn:air:agent.localhost"


def at(identifier: str) -> str:
    """The path of an entry."""
    return f"/ard/agents/{quote(identifier, safe='')}"


async def crew(mesh: LocalMesh) -> None:
    await add(mesh, "legal", LEGAL)
    await add(mesh, "interpreter", GERMAN)
    await add(mesh, "weather", WEATHER)


def agents(answer: Answer) -> list[str]:
    """The names of the agents that an answer lists."""
    tree = answer.json
    listed = tree.get("results", tree.get("items", tree.get("entries")))
    return [one["identifier"].rpartition(":")[2] for one in listed]


def refused(answer: Answer) -> tuple[int, str]:
    check(answer.json, "Error")
    return answer.status, answer.json["errorCode"]


@pytest.mark.requirement("catalogue.entries", "catalogue.wire")
@pytest.mark.parametrize("path", MANIFESTS)
@virtual_time
async def test_a_manifest_lists_the_registry_and_every_agent_for_readers_of_both_versions(path: str) -> None:
    async with virtual_mesh() as mesh:
        await crew(mesh)
        answer = await get(mesh, path)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        for name in ("ArdManifest", "AICatalogManifest"):
            check(answer.json, name)
        for one in answer.json["entries"]:
            check(one, "ArdEntry")
        registry, *listed = answer.json["entries"]
        assert (registry["type"], registry["url"]) == ("application/ai-registry+json", "http://mesh.test/ard")
        assert [one["identifier"] for one in listed] == [
            f"{DOMAIN}:{name}" for name in ("interpreter", "legal", "weather")
        ]
        # What an entry's URL leads to is what its type says.
        for one in listed:
            card = await get(mesh, one["url"].removeprefix("http://mesh.test"))
            assert [skill["id"] for skill in card.json["skills"]] == sorted(one["capabilities"], reverse=True)


@pytest.mark.requirement("catalogue.ranked", "catalogue.wire")
@virtual_time
async def test_a_search_finds_what_fits_best_first() -> None:
    async with virtual_mesh() as mesh:
        await crew(mesh)
        answer = await search(mesh, "translate a contract")
        check(answer.json, "SearchResponse")
        assert (answer.status, agents(answer)) == (200, ["interpreter", "legal"])
        first, second = answer.json["results"]
        assert 100 >= first["score"] > second["score"] >= 1
        assert {one["source"] for one in (first, second)} == {"http://mesh.test/ard"}
        assert "representativeQueries" not in first
        assert agents(await search(mesh, "will it rain")) == ["weather"]
        assert (await search(mesh, "violin lessons")).json == {"results": []}


@pytest.mark.requirement("catalogue.wire")
@virtual_time
async def test_a_filter_leaves_out_and_changes_no_score() -> None:
    async with virtual_mesh() as mesh:
        await crew(mesh)
        every = {one["identifier"]: one for one in (await search(mesh, "contract")).json["results"]}
        some = (await search(mesh, "contract", filter={"capabilities": ["compare"]})).json["results"]
        assert some == [every[f"{DOMAIN}:legal"]]
        assert agents(await search(mesh, "contract", filter={"type": "application/mcp-server-card+json"})) == []
        assert refused(await search(mesh, "contract", filter={"acme:tier": "x"})) == (400, "INVALID_ARGUMENT")


@pytest.mark.requirement("catalogue.wire")
@virtual_time
async def test_the_pages_of_a_search_and_of_a_list_are_the_whole_of_it() -> None:
    async with virtual_mesh() as mesh:
        for number in range(5):
            await add(mesh, f"legal{number}", LEGAL)
        whole = (await search(mesh, "contracts")).json["results"]
        assert len(whole) == 5
        found: list[Any] = []
        more: dict[str, str] = {}
        for _ in range(3):
            page = (await search(mesh, "contracts", pageSize=2, **more)).json
            found += page["results"]
            more = {"pageToken": page["pageToken"]} if "pageToken" in page else {}
        assert (found, more) == (whole, {})
        listed: list[str] = []
        token = ""
        for size in (2, 2, 1):
            answer = await get(mesh, f"/ard/agents?pageSize=2{token}")
            check(answer.json, "ListResponse")
            assert (len(answer.json["items"]), answer.json["total"]) == (size, 5)
            listed += agents(answer)
            token = f"&pageToken={answer.json.get('pageToken', '')}"
        assert (listed, token) == ([f"legal{number}" for number in range(5)], "&pageToken=")


@pytest.mark.requirement("catalogue.wire")
@virtual_time
async def test_a_list_is_of_complete_entries_in_the_order_that_is_asked_for() -> None:
    async with virtual_mesh() as mesh:
        await crew(mesh)
        answer = await get(mesh, "/ard/agents?orderBy=displayName+DESC")
        assert agents(answer) == ["weather", "legal", "interpreter"]
        for one in answer.json["items"]:
            check(one, "ArdEntry")
            assert (await get(mesh, at(one["identifier"]))).json == one
        assert agents(await get(mesh, "/ard/agents?filter=displayName='LEGAL'")) == ["legal"]
        assert refused(await get(mesh, "/ard/agents?filter=updatedAfter=2026")) == (400, "INVALID_ARGUMENT")


@pytest.mark.requirement("catalogue.wire")
@virtual_time
async def test_an_entry_is_found_by_its_whole_identifier_alone() -> None:
    async with virtual_mesh() as mesh:
        await crew(mesh)
        answer = await get(mesh, at(f"{DOMAIN}:legal"))
        check(answer.json, "ArdEntry")
        assert (answer.status, answer.json["identifier"]) == (200, f"{DOMAIN}:legal")
        assert not {"score", "source"} & answer.json.keys()
        # A colon need not be encoded in a path.
        assert (await get(mesh, f"/ard/agents/{DOMAIN}:legal")).json == answer.json
        registry = (await get(mesh, at(f"{DOMAIN}:gateway"))).json
        assert registry == (await get(mesh, MANIFESTS[0])).json["entries"][0]
        for identifier in ("LEGAL", "lega", "legal:x", "x:legal"):
            assert refused(await get(mesh, at(f"{DOMAIN}:{identifier}"))) == (404, "NOT_FOUND")
        assert refused(await get(mesh, at("urn:air:other.example:legal"))) == (404, "NOT_FOUND")
        assert refused(await get(mesh, at("URN:AIR:agent.localhost:legal"))) == (400, "INVALID_ARGUMENT")


@pytest.mark.requirement("catalogue.bounds", "catalogue.wire")
@pytest.mark.parametrize(
    "path",
    [
        "legal",
        "",
        "not-a-valid-ard-urn",
        "urn:air:agent.localhost",
        "urn%3Aair%3Aagent.localhost%3A",
        "urn%253Aair%253Aagent.localhost%253Alegal",
        "urn%3Aair%3Aagent.localhost%3Alegal%0A",
        "urn%3Aair%3Aagent.localhost%3A%zz",
        "urn%3Aair%3Aagent.localhost%3Alegal/x",
        "urn%3Aair%3Aagent.localhost%3A%FF",
        "urn%3Aair%3Aagent.localhost%3A" + "%C3%A9",
        "x" * 5000,
    ],
)
@virtual_time
async def test_what_is_no_identifier_after_one_decoding_is_refused(path: str) -> None:
    async with virtual_mesh() as mesh:
        await crew(mesh)
        assert refused(await get(mesh, f"/ard/agents/{path}")) == (400, "INVALID_ARGUMENT")


@pytest.mark.requirement("catalogue.wire")
@pytest.mark.parametrize(
    ("line", "status", "code", "allowed"),
    [
        ("POST /ard/explore", 501, "NOT_IMPLEMENTED", None),
        ("GET /ard/explore", 501, "NOT_IMPLEMENTED", None),
        ("GET /ard/search", 405, "INVALID_ARGUMENT", "POST"),
        ("POST /ard/agents", 405, "INVALID_ARGUMENT", "GET, HEAD"),
        ("DELETE /ard/agents/urn:air:agent.localhost:legal", 405, "INVALID_ARGUMENT", "GET, HEAD"),
        ("POST /.well-known/ard.json", 405, "INVALID_ARGUMENT", "GET, HEAD"),
        ("GET /ard", 404, "NOT_FOUND", None),
        ("GET /ard/", 404, "NOT_FOUND", None),
        ("POST /ard/search/", 404, "NOT_FOUND", None),
        ("GET /ard/agentsx", 404, "NOT_FOUND", None),
    ],
)
@virtual_time
async def test_what_is_not_served_says_so_in_ards_form(line: str, status: int, code: str, allowed: str | None) -> None:
    async with virtual_mesh() as mesh:
        answer = await sent(mesh, line)
        assert (*refused(answer), answer.headers.get("allow")) == (status, code, allowed)


@pytest.mark.requirement("catalogue.wire")
@virtual_time
async def test_paths_that_only_begin_alike_are_not_the_catalogues() -> None:
    async with virtual_mesh() as mesh:
        for path in ("/ardx", "/ards/search", "/.well-known/ard.jsonx", "/x/.well-known/ard.json"):
            assert "errorCode" not in (await get(mesh, path)).json


@pytest.mark.requirement("catalogue.wire")
@virtual_time
async def test_documents_are_checked_again_by_their_tag_and_searches_are_not_kept() -> None:
    async with virtual_mesh() as mesh:
        await crew(mesh)
        for path in (MANIFESTS[0], "/ard/agents", at(f"{DOMAIN}:legal")):
            first = await get(mesh, path)
            assert (first.headers["cache-control"], first.headers["vary"]) == (
                "max-age=30, private",
                "Authorization, X-API-Key",
            )
            again = await sent(mesh, f"GET {path}", if_none_match=first.headers["etag"])
            assert (again.status, again.body) == (304, b"")
            head = await sent(mesh, f"HEAD {path}")
            assert (head.status, head.body, head.headers["etag"]) == (200, b"", first.headers["etag"])
        assert (await search(mesh, "contract")).headers["cache-control"] == "no-store"
        assert (await get(mesh, at(f"{DOMAIN}:nobody"))).headers["cache-control"] == "no-store"


PLACES = [*MANIFESTS, "/ard/agents", f"/ard/agents/{DOMAIN}:legal"]


@pytest.mark.requirement("catalogue.scope")
@virtual_time
async def test_what_a_caller_may_not_use_changes_no_byte_of_any_answer() -> None:
    texts = ("translate a contract", "contracts", "language", "rain", "hidden", "document layout")
    seen: list[list[bytes]] = []
    for crowded in (False, True):
        async with virtual_mesh() as mesh:
            await crew(mesh)
            key = mesh.client("confined", agents=["legal", "interpreter"], skills=["compare", "detect"])
            if crowded:
                for number in range(4):
                    # They have the words that are looked for, and would make them usual ones.
                    await add(mesh, f"hidden{number}", LEGAL)
                    await add(mesh, f"theirs{number}", GERMAN, tenant="acme")
                await add(mesh, "legal", GERMAN, tenant="acme", version="9.0.0")
            answers = [await search(mesh, text, key) for text in texts]
            answers += [
                await get(mesh, path, key) for path in (*PLACES, at(f"{DOMAIN}:hidden0"), at(f"{DOMAIN}:weather"))
            ]
            seen.append([answer.body for answer in answers])
            found = {name for answer in answers[: len(texts)] for name in agents(answer)}
            assert found == {"legal", "interpreter"}
            assert agents(answers[5]) == ["legal"], "of the interpreter this key may only use 'detect'"
    assert seen[0] == seen[1]


@pytest.mark.requirement("catalogue.scope")
@virtual_time
async def test_a_hidden_entry_and_one_that_is_not_there_are_answered_alike() -> None:
    async with virtual_mesh() as mesh:
        await crew(mesh)
        key = mesh.client("confined", agents=["legal"])
        hidden, absent = [await get(mesh, at(f"{DOMAIN}:{name}"), key) for name in ("weather", "weathet")]
        assert hidden.status == absent.status == 404
        assert hidden.body == absent.body.replace(b"weathet", b"weather")


@pytest.mark.requirement("catalogue.scope")
@virtual_time
async def test_each_tenant_finds_its_own() -> None:
    async with virtual_mesh() as mesh:
        await crew(mesh)
        await add(mesh, "notary", LEGAL, tenant="acme")
        key = mesh.client("theirs", tenant="acme")
        answer = await search(mesh, "contracts", key)
        assert [one["identifier"] for one in answer.json["results"]] == [f"{DOMAIN}:acme:notary"]
        assert (await get(mesh, at(f"{DOMAIN}:acme:notary"), key)).status == 200
        assert (await get(mesh, at(f"{DOMAIN}:acme:notary"))).status == 404
        assert "notary" not in agents(await search(mesh, "contracts"))


@pytest.mark.requirement("catalogue.scope")
@pytest.mark.parametrize("public", [True, False])
@virtual_time
async def test_without_a_key_the_catalogue_shows_what_cards_show(public: bool) -> None:
    async with virtual_mesh(public_cards=public) as mesh:
        await crew(mesh)
        await add(mesh, "notary", LEGAL, tenant="acme")
        answers = [await get(mesh, path, "") for path in PLACES] + [await search(mesh, "contracts", "")]
        if public:
            assert [answer.status for answer in answers] == [200] * 5
            assert agents(answers[-1]) == ["legal", "interpreter"]
            # With a key it shows what this key may use, and no more: that is what can be called.
            assert agents(await search(mesh, "contracts", mesh.client("confined", agents=["interpreter"]))) == [
                "interpreter"
            ]
        else:
            assert [refused(answer) for answer in answers] == [(401, "UNAUTHENTICATED")] * 5
            assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
            assert answers[-1].chunks_read == 0
        wrong = await search(mesh, "contracts", "mg_client_0_made-up")
        assert (*refused(wrong), wrong.chunks_read) == (401, "UNAUTHENTICATED", 0)


@pytest.mark.requirement("catalogue.rate")
@virtual_time
async def test_a_caller_that_searches_too_often_is_told_when_to_come_again_before_its_body_is_read() -> None:
    async with virtual_mesh(limits=limits(search_rate=2.0, search_burst=2)) as mesh:
        await crew(mesh)
        for _ in range(2):
            assert (await search(mesh, "contracts")).status == 200
        answer = await search(mesh, "contracts")
        assert refused(answer) == (429, "RATE_LIMIT_EXCEEDED")
        assert (answer.headers["retry-after"], answer.chunks_read) == ("1", 0)
        assert "limits.search_rate" in answer.json["message"]
        # Lists and manifests cost as much as a search, and an entry costs nothing.
        for path in (*MANIFESTS, "/ard/agents"):
            assert refused(await get(mesh, path)) == (429, "RATE_LIMIT_EXCEEDED")
        assert (await get(mesh, at(f"{DOMAIN}:legal"))).status == 200
        # Each caller has a rate of its own.
        assert (await search(mesh, "contracts", mesh.client("another"))).status == 200
        await asyncio.sleep(0.5)
        assert (await search(mesh, "contracts")).status == 200
        assert refused(await search(mesh, "contracts")) == (429, "RATE_LIMIT_EXCEEDED")


@pytest.mark.requirement("catalogue.rate")
@virtual_time
async def test_callers_without_a_key_share_one_rate() -> None:
    async with virtual_mesh(limits=limits(search_rate=1.0, search_burst=1), public_cards=True) as mesh:
        assert (await search(mesh, "contracts", "")).status == 200
        answer = await search(mesh, "contracts", "")
        assert refused(answer) == (429, "RATE_LIMIT_EXCEEDED")
        assert answer.json["message"].startswith("anonymous may search")


@pytest.mark.requirement("catalogue.bounds")
@virtual_time
async def test_a_body_that_is_too_large_or_no_json_is_refused() -> None:
    async with virtual_mesh() as mesh:
        large = await sent(mesh, "POST /ard/search", b" " * (16 * 1024 + 1))
        assert (*refused(large), large.headers["connection"], large.chunks_read) == (
            413,
            "INVALID_ARGUMENT",
            "close",
            0,
        )
        plain = await sent(mesh, "POST /ard/search", b'{"query":{"text":"x"}}', content_type="text/plain")
        assert refused(plain) == (415, "INVALID_ARGUMENT")
        assert refused(await sent(mesh, "POST /ard/search", b'{"query":')) == (400, "INVALID_ARGUMENT")
        assert refused(await sent(mesh, "POST /ard/search", b"[" * 1000)) == (400, "INVALID_ARGUMENT")
        assert refused(await sent(mesh, "POST /ard/search", content_type="application/json")) == (
            400,
            "INVALID_ARGUMENT",
        )


@pytest.mark.requirement("catalogue.bounds")
@virtual_time
async def test_a_manifest_lists_so_many_agents_and_the_registry_finds_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshgate.gateway.discovery.answers._MOST_LISTED", 2)
    async with virtual_mesh() as mesh:
        await crew(mesh)
        assert agents(await get(mesh, MANIFESTS[0])) == ["gateway", "interpreter", "legal"]
        assert (await get(mesh, "/ard/agents")).json["total"] == 3


@virtual_time
async def test_a_failure_of_its_own_is_an_error_that_says_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise RuntimeError("s3cret")

    monkeypatch.setattr(AgentList, "of", broken)
    async with virtual_mesh() as mesh:
        answer = await search(mesh, "contracts")
        assert refused(answer) == (500, "INTERNAL_ERROR")
        assert b"s3cret" not in answer.body


@virtual_time
async def test_an_authenticator_that_waits_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found = CredentialCheck.caller

    def later(self: CredentialCheck, headers: Any, binding: str) -> Any:
        async def wait() -> Any:
            await asyncio.sleep(1.0)
            return found(self, headers, binding)

        assert binding == "catalogue"
        return wait()

    monkeypatch.setattr(CredentialCheck, "caller", later)
    async with virtual_mesh() as mesh:
        await crew(mesh)
        assert agents(await search(mesh, "rain")) == ["weather"]


@pytest.mark.requirement("catalogue.entries")
@pytest.mark.parametrize("domain", ["agents.example.org", "AGENTS.Example.org", "a-b.c3.io", "agent.localhost"])
def test_a_full_domain_can_be_set(domain: str, tmp_path: Any) -> None:
    assert load_config({"catalogue_domain": domain}, home=tmp_path, environ={}).catalogue_domain == domain


@pytest.mark.requirement("catalogue.entries")
@pytest.mark.parametrize(
    "domain",
    [
        "localhost",
        "example",
        "a.b.",
        ".a.b",
        "a..b",
        "-a.b",
        "a.1",
        "a b.c",
        "a.b:80",
        "a/b.c",
        "x" * 64 + ".org",
        "é.org",
    ],
)
def test_what_is_no_full_domain_cannot(domain: str, tmp_path: Any) -> None:
    with pytest.raises(ConfigError, match="catalogue_domain"):
        load_config({"catalogue_domain": domain}, home=tmp_path, environ={})


def test_without_a_domain_the_placeholder_is_used() -> None:
    assert Config().catalogue_domain == ""


@pytest.mark.requirement("catalogue.wire")
async def test_a_client_that_is_not_ours_finds_its_way_over_a_socket() -> None:
    async with LocalMesh(public_cards=True) as mesh:
        await crew(mesh)
        server = HttpServer(mesh.gateway.ingress, bind("127.0.0.1", 0, "--port"), mesh.gateway.limits)
        await server.start()
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client:
                manifest = (await client.get("/.well-known/ard.json")).json()
                check(manifest, "ArdManifest")
                (base,) = [one["url"] for one in manifest["entries"] if one["type"] == "application/ai-registry+json"]
                asked = {"query": {"text": "weather forecast tools"}, "federation": "none", "pageSize": 2}
                found = (await client.post(f"{base}/search", json=asked)).json()
                check(found, "SearchResponse")
                (best,) = found["results"]
                whole = await client.get(f"{best['source']}/agents/{quote(best['identifier'], safe='')}")
                check(whole.json(), "ArdEntry")
                assert whole.headers["etag"]
                card = (await client.get(whole.json()["url"])).json()
                assert card["name"] == "weather"
                assert (await client.get(f"{base}/agents")).json()["total"] == 3
                # The probes of ARD's own conformance tester.
                for identifier, status, code in (
                    ("urn:air:ard-conformance.invalid:probe:not-found", 404, "NOT_FOUND"),
                    ("not-a-valid-ard-urn", 400, "INVALID_ARGUMENT"),
                ):
                    answer = await client.get(f"{base}/agents/{quote(identifier, safe='')}")
                    check(answer.json(), "Error")
                    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)
                explored = {"query": {"text": "weather"}, "resultType": {"facets": [{"field": "type"}]}}
                assert (await client.post(f"{base}/explore", json=explored)).status_code == 501
                # A body that is refused does not harm the connection's next request.
                large = {"query": {"text": "x" * 100_000}}
                assert (await client.post(f"{base}/search", json=large)).status_code == 413
                assert (await client.post(f"{base}/search", content=b"x" * 5000)).status_code == 415
                assert (await client.get(f"{base}/agents")).status_code == 200
        finally:
            await server.stop()
