"""The parts of the Consul registry that are pure: entries, liveness, indexes, the token bucket."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshgate.a2a.errors import InvalidParams
from meshgate.registry.backends.consul.blocking_queries import TokenBucket, follow_index
from meshgate.registry.backends.consul.entry import (
    MAX_ENTRY,
    Layout,
    check_of,
    instance_of,
    lease_of,
    meta_of,
    reachable,
    service_of,
    size_of,
    switch_of,
)
from meshgate.registry.backends.consul.health import NODE_GRACE, Liveness
from meshgate.registry.limits import check_instance, check_switch
from meshgate.registry.model import KINDS, SWITCH_KINDS, Endpoint, HealthCheck, Instance, Switch
from tests.registry.samples import agent

LAYOUT = Layout("meshgate")
NODE_OK = {"CheckID": "serfHealth", "ServiceID": "", "Status": "passing", "Output": "Agent alive and reachable"}
NODE_LOST = NODE_OK | {"Status": "critical", "Output": "Agent not live or unreachable"}
PASSING = {"CheckID": "lease", "ServiceID": "x", "Status": "passing", "Output": ""}
EXPIRED = PASSING | {"Status": "critical", "Output": "TTL expired"}
REFUSED = PASSING | {"Status": "critical", "Output": "Get http://…: connect: connection refused"}
UNJUDGED = PASSING | {"Status": "critical", "Output": ""}

# --- entries ---

names = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)
terms = st.from_regex(r"[A-Za-z0-9._/-](?:[A-Za-z0-9._/ -]{0,10}[A-Za-z0-9._/-])?", fullmatch=True)
urls = st.from_regex(r"https?://[a-z0-9.]{1,20}:[0-9]{1,5}(/[!-~]{0,20})?", fullmatch=True)
endpoints = st.builds(
    Endpoint,
    binding=st.sampled_from(("JSONRPC", "GRPC")),
    url=urls,
    version=st.sampled_from(("1.0", "1.1")),
    tenant=st.just("") | names,
)
instances = st.builds(
    Instance,
    id=names,
    agent=names,
    manifest=st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    endpoints=st.lists(endpoints, max_size=2).map(tuple),
    tenant=names,
    labels=st.dictionaries(terms, terms, max_size=3),
    weight=st.floats(0.001, 1000.0),
    check=st.none() | st.builds(HealthCheck, urls, st.floats(0.1, 3600.0), st.booleans()),
    lasting=st.booleans(),
    kind=st.sampled_from(KINDS),
    draining=st.booleans(),
)


def accepted(instance: Instance) -> bool:
    try:
        check_instance(instance)
    except InvalidParams:
        return False
    return True


@given(instances.filter(accepted))
@settings(max_examples=200)
def test_an_instance_comes_back_from_its_entry_as_it_was(instance: Instance) -> None:
    lease = lease_of(instance, reachable=True)
    service = {
        "ID": LAYOUT.service_id(instance.id),
        "Service": LAYOUT.service(instance),
        "Meta": meta_of(instance, lease),
    }

    assert instance_of(json.loads(json.dumps(service)), LAYOUT) == (instance, lease)


@given(instances.filter(accepted))
@settings(max_examples=200)
def test_no_accepted_instance_makes_an_entry_of_more_than_600_bytes(instance: Instance) -> None:
    assert size_of(service_of(instance, lease_of(instance, reachable=True), LAYOUT)) <= MAX_ENTRY


def test_an_ordinary_entry_is_far_smaller() -> None:
    instance = msgspec.structs.replace(
        agent("summariser-7f3a9c21"),
        labels={"region": "eu-west-1", "zone": "b"},
        check=HealthCheck("http://10.20.30.40:9001/health"),
    )
    assert size_of(service_of(instance, "http", LAYOUT)) <= 400


@pytest.mark.parametrize(
    ("instance", "within_reach", "lease"),
    [
        (agent("a1"), False, "ttl"),
        (msgspec.structs.replace(agent("a1"), check=HealthCheck("http://10.0.0.1/")), True, "http"),
        (msgspec.structs.replace(agent("a1"), check=HealthCheck("http://127.0.0.1/")), False, "ttl"),
        (agent("a1", lasting=True), False, "none"),
        (msgspec.structs.replace(agent("a1", lasting=True), check=HealthCheck("http://10.0.0.1/")), True, "http"),
        (
            msgspec.structs.replace(agent("a1", lasting=True), check=HealthCheck("http://10.0.0.1/", private=True)),
            True,
            "none",
        ),
    ],
)
def test_consul_asks_whom_it_can_reach_and_waits_for_renewals_of_the_rest(
    instance: Instance,
    within_reach: bool,
    lease: str,
) -> None:
    assert lease_of(instance, reachable=within_reach) == lease


def test_only_what_renews_is_removed_by_consul_itself() -> None:
    mortal = check_of(agent("a1"), "ttl", "c", 10.0)
    lasting = msgspec.structs.replace(agent("a1", lasting=True), check=HealthCheck("http://10.0.0.1/"))
    kept = check_of(lasting, "http", "c", 10.0)

    assert mortal is not None
    assert mortal["DeregisterCriticalServiceAfter"] == "60000ms"
    assert mortal["ttl"] == "10000ms"
    assert kept is not None
    assert "DeregisterCriticalServiceAfter" not in kept
    assert check_of(agent("a1", lasting=True), "none", "c", 10.0) is None


@pytest.mark.parametrize(
    ("host", "check", "reached"),
    [
        ("127.0.0.1", "http://127.0.0.1:9001/", True),
        ("consul.internal", "http://127.0.0.1:9001/", False),
        ("consul.internal", "http://localhost:9001/", False),
        ("consul.internal", "http://[::1]:9001/", False),
        ("consul.internal", "http://10.0.0.1:9001/", True),
    ],
)
def test_a_consul_elsewhere_cannot_ask_a_loopback_address(host: str, check: str, reached: bool) -> None:
    assert reachable(check, host) is reached


@pytest.mark.parametrize(
    "wrong",
    [
        {"ID": "a1"},
        {"ID": "other:a1"},
        {"Meta": {}},
        {"Meta": {"agent": "a", "tenant": "t", "lease": "ttl", "e0": "JSONRPC"}},
        {"Meta": {"agent": "a", "tenant": "t", "lease": "ttl", "weight": "heavy"}},
        {"Meta": {"agent": "a", "tenant": "t", "lease": "ttl", "labels": "nonsense"}},
        {"Meta": None},
    ],
)
def test_an_entry_of_another_hand_is_recognised(wrong: dict[str, Any]) -> None:
    meta = {"agent": "summariser", "tenant": "default", "lease": "ttl"}
    service = {"ID": "meshgate:a1", "Service": "meshgate-agents", "Meta": meta}
    assert instance_of(service, LAYOUT)[0].id == "a1"

    with pytest.raises((ValueError, KeyError)):
        instance_of(service | wrong, LAYOUT)


switches = st.builds(Switch, st.sampled_from(SWITCH_KINDS), st.text(min_size=1, max_size=40), st.text(max_size=20))


def holds(switch: Switch) -> bool:
    try:
        check_switch(switch)
    except InvalidParams:
        return False
    return True


@given(switches.filter(holds))
def test_a_switch_comes_back_from_its_key_as_it_was(switch: Switch) -> None:
    key = LAYOUT.switch_key(switch)

    assert key.isascii()
    assert len(key) <= 255
    assert switch_of(key, switch.reason.encode(), LAYOUT) == switch


@pytest.mark.parametrize("key", ["meshgate/switches/", "meshgate/switches/job/", "meshgate/switches/job/~!", "x"])
def test_a_key_of_another_hand_is_no_switch(key: str) -> None:
    assert switch_of(key, b"", LAYOUT) is None


def test_names_that_only_a_later_release_knows_are_read_as_they_are() -> None:
    meta = {"agent": "summariser", "tenant": "default", "lease": "ttl", "e0": "SMTP 3.0 x:25"}
    service = {"ID": "meshgate:a1", "Service": "meshgate-agents", "Meta": meta}
    assert instance_of(service, LAYOUT)[0].endpoints == (Endpoint("SMTP", "x:25", "3.0"),)
    assert switch_of("meshgate/switches/pet/x", b"", LAYOUT) == Switch("pet", "x")


# --- liveness ---


def began(now: float) -> Liveness:
    judge = Liveness(ttl=10.0, settle=20.0)
    judge.begin(now)
    return judge


def test_consuls_word_is_taken() -> None:
    judge = began(0.0)

    assert judge.alive("k", [NODE_OK, PASSING], "ttl", 0.0, 100.0)
    assert judge.alive("k", [NODE_OK], "none", 0.0, 100.0)
    assert not judge.alive("k", [NODE_OK, EXPIRED], "ttl", 0.0, 100.0)
    assert not judge.alive("k", [NODE_OK, REFUSED], "http", 5.0, 0.0)
    assert judge.again is None


def test_a_lease_that_ran_out_before_this_reader_began_gets_time_to_be_renewed() -> None:
    judge = began(100.0)

    assert judge.alive("k", [NODE_OK, EXPIRED], "ttl", 0.0, 129.9)
    assert judge.again == 130.0
    judge.begin(130.0)
    assert not judge.alive("k", [NODE_OK, EXPIRED], "ttl", 0.0, 130.0)
    assert judge.again is None


def test_a_check_that_consul_has_not_made_yet_gets_time_to_be_made() -> None:
    judge = began(0.0)

    assert judge.alive("t", [NODE_OK, UNJUDGED], "ttl", 0.0, 100.0)
    assert judge.alive("h", [NODE_OK, UNJUDGED], "http", 30.0, 100.0)
    assert not judge.alive("t", [NODE_OK, UNJUDGED], "ttl", 0.0, 130.0)
    assert judge.alive("h", [NODE_OK, UNJUDGED], "http", 30.0, 179.0)
    assert not judge.alive("h", [NODE_OK, UNJUDGED], "http", 30.0, 180.0)


def test_doubt_begins_anew_after_consul_was_sure() -> None:
    judge = began(0.0)
    assert judge.alive("k", [UNJUDGED], "ttl", 0.0, 100.0)
    assert judge.alive("k", [PASSING], "ttl", 0.0, 105.0)

    assert judge.alive("k", [UNJUDGED], "ttl", 0.0, 200.0)
    assert not judge.alive("k", [UNJUDGED], "ttl", 0.0, 230.0)


def test_a_lost_node_of_consul_evicts_nobody_at_once() -> None:
    judge = began(0.0)

    assert judge.alive("k", [NODE_LOST, PASSING], "ttl", 0.0, 100.0)
    assert judge.alive("k", [NODE_LOST, PASSING], "ttl", 0.0, 99.0 + NODE_GRACE)
    assert not judge.alive("k", [NODE_LOST, PASSING], "ttl", 0.0, 100.0 + NODE_GRACE)


def test_what_is_no_longer_listed_is_forgotten() -> None:
    judge = began(0.0)
    judge.alive("k", [UNJUDGED], "ttl", 0.0, 100.0)
    judge.keep(set())

    assert judge.alive("k", [UNJUDGED], "ttl", 0.0, 200.0)


# --- indexes and the token bucket ---


@pytest.mark.parametrize(
    ("old", "answered", "following"),
    [
        (0, "7", (7, False)),
        (7, "7", (7, False)),
        (7, "9", (9, False)),
        (9, "7", (0, True)),
        (0, "0", (1, False)),
        (5, "0", (0, True)),
    ],
)
def test_an_index_that_went_back_begins_anew_and_none_stays_zero(
    old: int,
    answered: str,
    following: tuple[int, bool],
) -> None:
    assert follow_index(old, answered) == following


def test_two_changes_are_read_at_once_and_a_storm_four_times_a_second() -> None:
    bucket = TokenBucket(rate=4.0, burst=2)

    assert [bucket.take(0.0) for _ in range(4)] == [0.0, 0.0, 0.25, 0.5]


def test_the_bucket_fills_again_up_to_its_burst() -> None:
    bucket = TokenBucket(rate=4.0, burst=2)
    for _ in range(2):
        bucket.take(0.0)

    assert [bucket.take(100.0) for _ in range(3)] == [0.0, 0.0, 0.25]


@given(st.lists(st.floats(0.0, 0.05), min_size=10, max_size=100))
def test_whatever_the_storm_no_wake_up_waits_longer_than_a_quarter_second(gaps: list[float]) -> None:
    bucket, now = TokenBucket(rate=4.0, burst=2), 0.0
    for gap in gaps:
        pause = bucket.take(now)
        assert pause <= 0.25 + 1e-9
        now += pause + gap
