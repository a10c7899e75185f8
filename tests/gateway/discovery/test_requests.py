"""Requests to the catalogue, read and checked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.gateway.discovery.agent_entry import AgentEntry
from meshgate.gateway.discovery.requests import Page, read_list, read_search
from tests.gateway.discovery.crew import entry

LEGAL = entry("Legal", tags=("legal", "contracts"), skills=("compare",))
RAIN = entry("Rain", tags=("weather",), skills=("forecast",))


def search_of(**more: Any) -> bytes:
    query = {"text": "contracts", **more.pop("query", {})}
    return msgspec.json.encode({"query": query, **more})


@pytest.mark.requirement("catalogue.wire")
@pytest.mark.parametrize(
    ("asked", "fitting"),
    [
        ({}, [LEGAL, RAIN]),
        ({"type": "application/a2a-agent-card+json"}, [LEGAL, RAIN]),
        ({"type": ["application/mcp-server-card+json"]}, []),
        ({"tags": ["legal"]}, [LEGAL]),
        ({"tags": ["legal", "weather"]}, [LEGAL, RAIN]),
        ({"tags": ["contracts"], "capabilities": ["forecast"]}, []),
        ({"capabilities": "forecast"}, [RAIN]),
        ({"publisher": ["a.example"], "displayName": ["Rain"]}, [RAIN]),
        ({"identifier": "urn:air:a.example:Legal", "version": "1"}, [LEGAL]),
        ({"tags": []}, []),
    ],
)
def test_values_of_a_key_are_alternatives_and_keys_are_met_together(
    asked: dict[str, Any], fitting: list[AgentEntry]
) -> None:
    found = read_search(search_of(query={"filter": asked}))
    assert [one for one in (LEGAL, RAIN) if found.fits(one)] == fitting


@pytest.mark.requirement("catalogue.wire")
@pytest.mark.parametrize("federation", ["auto", "referrals", "none"])
@pytest.mark.parametrize("context", ["https://a.example/ns", {"a": "https://a.example/ns#"}, ["https://a.example", {}]])
def test_every_federation_and_context_is_taken(federation: str, context: Any) -> None:
    found = read_search(search_of(query={"@context": context}, federation=federation, pageSize=100))
    assert (found.text, found.page.position, found.page.size) == ("contracts", 0, 100)


@pytest.mark.requirement("catalogue.bounds")
def test_what_is_at_a_bound_is_taken() -> None:
    assert read_search(search_of()).page.size == 10
    assert read_search(search_of(query={"text": "x" * 1000}, pageSize=1)).page.size == 1
    of = read_search(search_of()).page.of
    assert read_search(search_of(pageToken=f"123456789.{of}")).page.position == 123456789
    filter_of = "filter=displayName="
    assert read_list(filter_of + "x" * (4096 - len(filter_of))).page.size == 20
    assert read_list("pageSize=000000005").page.size == 5


@pytest.mark.requirement("catalogue.bounds", "catalogue.wire")
@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[" * 100, "deeper"),
        (b"[]", "must be an object"),
        (b"{}", "missing required field `query`"),
        (b'{"query":{}}', "query: Object missing required field `text`"),
        (b'{"query":{"text":7}}', "query.text: must be a string"),
        (search_of(query={"text": "  "}), "query.text is empty"),
        (search_of(query={"text": "x" * 1001}), "query.text may have 1000 characters"),
        (search_of(query={"words": "x"}), "'words' is not known here"),
        (search_of(limit=3), "'limit' is not known here"),
        (search_of(pageSize=0), "pageSize must be 1 to 100"),
        (search_of(pageSize=101), "pageSize must be 1 to 100"),
        (search_of(pageSize=-1), "pageSize must be 1 to 100"),
        (search_of(pageSize=10**18), "pageSize must be 1 to 100"),
        (search_of(pageSize="5"), "pageSize: must be a whole number"),
        (search_of(pageSize=True), "pageSize: must be a whole number"),
        (search_of(federation="all"), "federation"),
        (search_of(query={"filter": {"metadata.place": "x"}}), "query.filter cannot have 'metadata.place'"),
        (search_of(query={"filter": {"x" * 9000: "x"}}), "query.filter cannot have 'xxx"),
        (search_of(query={"filter": {"tags": [1]}}), "query.filter"),
        (search_of(pageToken="5"), "pageToken is of another request"),
        (search_of(pageToken="x.y"), "pageToken is of another request"),
    ],
)
def test_what_is_no_search_is_refused_by_what_is_wrong(body: bytes, told: str) -> None:
    with pytest.raises(MeshError) as refused:
        read_search(body)
    assert told in refused.value.message


@pytest.mark.requirement("catalogue.bounds")
@pytest.mark.parametrize("made", ["-1.{}", "+1.{}", "1e3.{}", "٣.{}", "9999999999.{}", ".{}", "{}", "1.{}.{}"])
def test_a_token_that_was_not_given_is_refused(made: str) -> None:
    of = read_search(search_of()).page.of
    with pytest.raises(InvalidParams):
        read_search(search_of(pageToken=made.format(of, of)))


@pytest.mark.requirement("catalogue.wire")
def test_a_token_leads_to_the_next_page_of_its_own_search_alone() -> None:
    first = read_search(search_of(pageSize=2)).page
    token = first.next_token(5)
    second = read_search(search_of(pageSize=2, pageToken=token)).page
    third = read_search(search_of(pageSize=2, pageToken=second.next_token(5))).page
    assert [one.position for one in (first, second, third)] == [0, 2, 4]
    assert third.next_token(5) == second.next_token(4) == ""
    for other in ({"text": "leases"}, {"filter": {"tags": ["legal"]}}):
        with pytest.raises(InvalidParams):
            read_search(search_of(query=other, pageToken=token))
    one, other = ({"filter": {"tags": ["a", "b"]}}, {"filter": {"tags": ["b", "a"]}})
    assert read_search(search_of(query=one)).page.of == read_search(search_of(query=other)).page.of


@pytest.mark.requirement("catalogue.wire")
@pytest.mark.parametrize(
    ("asked", "fitting"),
    [
        ("", ["Legal", "Rain"]),
        ("type%20%3D%20'application/a2a-agent-card%2Bjson'", ["Legal", "Rain"]),
        ("type='application/mcp-server-card%2Bjson'", []),
        ("displayName='legal'", ["Legal"]),
        ('displayName="LEGAL, rain"', ["Legal", "Rain"]),
        ("displayName=rain+AND+publisherId='a.example,b.example'", ["Rain"]),
        ("displayName=rain+AND+publisherId=b.example", []),
    ],
)
def test_a_lists_filter_is_read_as_the_appendix_says(asked: str, fitting: list[str]) -> None:
    found = read_list(f"filter={asked}")
    assert [one.agent for one in (LEGAL, RAIN) if found.fits(one)] == fitting


@pytest.mark.requirement("catalogue.wire")
@pytest.mark.parametrize(
    ("query", "order", "page"),
    [
        ("", ["Legal", "Rain"], (0, 20)),
        ("pageSize=5", ["Legal", "Rain"], (0, 5)),
        ("orderBy=displayName", ["Legal", "Rain"], (0, 20)),
        ("orderBy=name+DESC", ["Rain", "Legal"], (0, 20)),
        ("orderBy=identifier%20desc&pageSize=100", ["Rain", "Legal"], (0, 100)),
        ("orderBy=identifier+ASC", ["Legal", "Rain"], (0, 20)),
    ],
)
def test_a_list_has_an_order_and_pages(query: str, order: list[str], page: tuple[int, int]) -> None:
    found = read_list(query)
    listed = sorted((RAIN, LEGAL), key=found.order, reverse=found.descending)
    assert ([one.agent for one in listed], found.page[:2]) == (order, page)
    token = Page(0, 1, found.page.of).next_token(2)
    assert read_list(f"{query}&pageToken={token}".lstrip("&")).page.position == 1
    with pytest.raises(InvalidParams):
        read_list(f"filter=displayName=rain&pageToken={token}")


@pytest.mark.requirement("catalogue.bounds", "catalogue.wire")
@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("x" * 4097, "may have 4096 characters"),
        ("&".join(f"a{at}=1" for at in range(17)), "cannot be read"),
        ("pageSize", "cannot be read"),
        ("page=2", "'page' is no parameter"),
        ("pageSize=0", "1 to 100"),
        ("pageSize=101", "1 to 100"),
        ("pageSize=-1", "must be a number"),
        ("pageSize=%D9%A3", "must be a number"),
        ("pageSize=", "must be a number"),
        ("pageSize=" + "9" * 400, "must be a number"),
        ("orderBy=created_at+DESC", "orderBy cannot be"),
        ("orderBy=name+UP", "orderBy cannot be"),
        ("filter=createdAfter='2026-01-01'", "filter cannot have 'createdAfter'"),
        ("filter=type", "filter cannot be read"),
        ("filter=type=", "filter cannot be read"),
        ("filter=type='x", "filter cannot be read"),
        ("filter=type='x'+AND", "filter cannot be read"),
        ("filter=type='x'+OR+type='y'", "filter cannot be read"),
        ("filter=" + "+AND+".join(f"a{at}=1" for at in range(17)), "filter cannot be read"),
        ("pageToken=1.0", "pageToken is of another request"),
    ],
)
def test_what_is_no_list_is_refused_by_what_is_wrong(query: str, told: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        read_list(query)
    assert told in refused.value.message
