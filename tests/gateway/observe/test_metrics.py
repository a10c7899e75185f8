# pyright: reportPrivateUsage=false
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.observe.metrics import BOUNDS, OTHER, Metrics, merge_metrics
from meshgate.registry.model import Endpoint, Entry, Instance, Manifest
from meshgate.testing import LocalMesh, text
from tests.support.virtual_loop import settle

Read = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(metrics: Metrics) -> Read:
    """What a scrape says, as prometheus_client's own parser understands it."""
    families: Iterable[Any] = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def at(seen: Read, name: str, **labels: str) -> float:
    return seen[name, frozenset(labels.items())]


def test_a_fresh_gateway_can_be_scraped_and_has_counted_nothing() -> None:
    assert read(Metrics()) == {
        (name, frozenset[tuple[str, str]]()): 0.0
        for name in (
            "meshgate_retries_total",
            "meshgate_lineage_unknown_total",
            "meshgate_lineage_invalid_total",
            "meshgate_registry_stale_seconds",
            "meshgate_degraded",
            "meshgate_open_calls",
            "meshgate_schema_subjects",
        )
    }


def test_every_family_has_its_type() -> None:
    families: Iterable[Any] = text_string_to_metric_families(Metrics().render().decode())
    assert {family.name: family.type for family in families} == {
        "meshgate_calls": "counter",
        "meshgate_policy": "counter",
        "meshgate_attempts": "counter",
        "meshgate_retries": "counter",
        "meshgate_unauthenticated": "counter",
        "meshgate_streams_cut": "counter",
        "meshgate_answers_corrected": "counter",
        "meshgate_listed_tasks_dropped": "counter",
        "meshgate_stream_events_dropped": "counter",
        "meshgate_push_notifications": "counter",
        "meshgate_push_callbacks": "counter",
        "meshgate_lineage_unknown": "counter",
        "meshgate_lineage_after": "counter",
        "meshgate_lineage_invalid": "counter",
        "meshgate_call_seconds": "histogram",
        "meshgate_registry_stale_seconds": "gauge",
        "meshgate_registry_passed_over": "gauge",
        "meshgate_degraded": "gauge",
        "meshgate_open_calls": "gauge",
        "meshgate_endpoints": "gauge",
        "meshgate_schema_subjects": "gauge",
    }


def test_calls_are_counted_by_agent_method_binding_and_outcome() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.call("worker", "SendMessage", "GRPC", "done", 0.003)
    metrics.call("worker", "GetTask", "JSONRPC", "failed", 0.1)
    metrics.call("", "SendMessage", "JSONRPC", "refused", 0.0)
    metrics.call("worker", "SendMessage", "GRPC", "done", 0.1, "failed")

    seen = read(metrics)
    name = "meshgate_calls_total"
    assert at(seen, name, agent="worker", method="SendMessage", binding="GRPC", outcome="done", task="") == 3
    assert at(seen, name, agent="worker", method="GetTask", binding="JSONRPC", outcome="failed", task="") == 1
    assert at(seen, name, agent="", method="SendMessage", binding="JSONRPC", outcome="refused", task="") == 1
    assert at(seen, name, agent="worker", method="SendMessage", binding="GRPC", outcome="done", task="failed") == 1


def test_streams_that_were_cut_and_events_that_were_dropped_are_counted_by_agent() -> None:
    metrics = Metrics()
    metrics.stream_cut("worker")
    metrics.stream_cut("worker")
    metrics.stream_dropped("worker", "other_task")
    seen = read(metrics)
    assert at(seen, "meshgate_streams_cut_total", agent="worker") == 2
    assert at(seen, "meshgate_stream_events_dropped_total", agent="worker", reason="other_task") == 1


def test_each_policy_counts_the_calls_that_it_saw() -> None:
    metrics = Metrics()
    for _ in range(5):
        metrics.policies["authentication", "pass"][0] += 1
    metrics.policies["rate_limit", "pass"][0] += 1
    metrics.policies["rate_limit", "refuse"][0] += 1

    seen = read(metrics)
    assert at(seen, "meshgate_policy_total", policy="authentication", decision="pass") == 5
    assert at(seen, "meshgate_policy_total", policy="rate_limit", decision="pass") == 1
    assert at(seen, "meshgate_policy_total", policy="rate_limit", decision="refuse") == 1


def test_attempts_retries_and_lineage_are_counted() -> None:
    metrics = Metrics()
    metrics.attempt("worker", "done")
    metrics.attempt("worker", "failed")
    metrics.attempt("worker", "failed")
    metrics.retry()
    metrics.lineage_unknown()
    metrics.lineage_unknown()
    for _ in range(3):
        metrics.lineage_invalid()

    seen = read(metrics)
    assert at(seen, "meshgate_attempts_total", agent="worker", outcome="done") == 1
    assert at(seen, "meshgate_attempts_total", agent="worker", outcome="failed") == 2
    assert at(seen, "meshgate_retries_total") == 1
    assert at(seen, "meshgate_lineage_unknown_total") == 2
    assert at(seen, "meshgate_lineage_invalid_total") == 3


def test_gauges_are_read_when_the_metrics_are() -> None:
    metrics, state, endpoints = Metrics(), {"stale": 0.0, "open": 0.0}, dict[str, int]()
    metrics.watch(stale_seconds=lambda: state["stale"], open_calls=lambda: state["open"])
    metrics.watch(endpoints=lambda: endpoints)
    assert at(read(metrics), "meshgate_registry_stale_seconds") == 0.0

    state.update(stale=12.5, open=7.0)
    endpoints.update({"closed": 3, "open": 1})
    seen = read(metrics)
    assert at(seen, "meshgate_registry_stale_seconds") == 12.5
    assert at(seen, "meshgate_open_calls") == 7
    assert at(seen, "meshgate_endpoints", state="closed") == 3
    assert at(seen, "meshgate_endpoints", state="open") == 1

    del endpoints["open"]
    assert ("meshgate_endpoints", frozenset({("state", "open")})) not in read(metrics)


def test_rows_that_are_passed_over_are_counted_by_reason() -> None:
    metrics, rows = Metrics(), {"address": 2, "unreadable": 1}
    metrics.watch(passed_over=lambda: rows)
    seen = read(metrics)
    assert at(seen, "meshgate_registry_passed_over", reason="address") == 2
    assert at(seen, "meshgate_registry_passed_over", reason="unreadable") == 1
    rows.clear()
    assert not [name for name, _ in read(metrics) if name == "meshgate_registry_passed_over"]


async def test_a_gateway_tells_which_rows_of_its_registry_it_passes_over() -> None:
    later = (Endpoint("SLIMRPC", "http://127.0.0.1:9001/"), Endpoint("JSONRPC", "http://127.0.0.1:9001/"))
    async with LocalMesh() as mesh:
        manifest = Manifest("later", "1.0.0")
        # Registering refuses such a row; a later release writes it by itself.
        mesh.registry._entries["l1"] = Entry.of(Instance("l1", "later", manifest.digest(), endpoints=later), manifest)
        mesh.registry._note()
        await settle()
        assert at(read(mesh.gateway.metrics), "meshgate_registry_passed_over", reason="address") == 1
        await mesh.registry.deregister("l1")
        await settle()
        assert ("meshgate_registry_passed_over", frozenset({("reason", "address")})) not in read(mesh.gateway.metrics)


@given(st.lists(st.floats(0, 2000), min_size=1, max_size=50))
def test_the_buckets_hold_every_call_up_to_their_bound(times: list[float]) -> None:
    metrics = Metrics()
    for seconds in times:
        metrics.call("worker", "SendMessage", "GRPC", "done", seconds)

    seen = read(metrics)
    for bound in BOUNDS:
        held = at(seen, "meshgate_call_seconds_bucket", agent="worker", le=str(bound))
        assert held == sum(seconds <= bound for seconds in times)
    assert at(seen, "meshgate_call_seconds_bucket", agent="worker", le="+Inf") == len(times)
    assert at(seen, "meshgate_call_seconds_count", agent="worker") == len(times)
    assert at(seen, "meshgate_call_seconds_sum", agent="worker") == pytest.approx(sum(times))


def test_agents_beyond_the_limit_are_counted_together() -> None:
    metrics = Metrics(agents=2)
    for agent in ("a", "b", "c", "d", "a", "c"):
        metrics.call(agent, "SendMessage", "GRPC", "done", 0.1)
        metrics.attempt(agent, "done")

    seen = read(metrics)
    for agent, calls in (("a", 2), ("b", 1), (OTHER, 3)):
        assert (
            at(seen, "meshgate_calls_total", agent=agent, method="SendMessage", binding="GRPC", outcome="done", task="")
            == calls
        )
        assert at(seen, "meshgate_attempts_total", agent=agent, outcome="done") == calls
        assert at(seen, "meshgate_call_seconds_count", agent=agent) == calls
    assert "c" not in {value for _, labels in seen for _, value in labels}


@pytest.mark.requirement("metrics.bounded")
def test_a_flood_of_agents_makes_no_flood_of_series() -> None:
    metrics = Metrics()
    for n in range(20 * DEFAULTS.metric_agents):
        metrics.call(f"agent-{n}", "SendMessage", "GRPC", "done", 0.1)
    series = [key for key in read(metrics) if key[0] == "meshgate_calls_total"]
    assert len(series) == DEFAULTS.metric_agents + 1


def test_an_agent_that_is_called_other_takes_nobodys_place() -> None:
    metrics = Metrics(agents=1)
    metrics.attempt(OTHER, "done")
    metrics.attempt("worker", "done")
    assert at(read(metrics), "meshgate_attempts_total", agent="worker", outcome="done") == 1


@given(st.text(), st.text())
def test_any_label_reads_as_it_was_written(agent: str, outcome: str) -> None:
    metrics = Metrics()
    metrics.attempt(agent, outcome)
    assert at(read(metrics), "meshgate_attempts_total", agent=agent, outcome=outcome) == 1


def test_two_gateways_in_one_process_count_apart_and_leave_the_global_registry_alone() -> None:
    before = {family.name for family in REGISTRY.collect()}
    one, two = Metrics(), Metrics()
    one.retry()
    assert (at(read(one), "meshgate_retries_total"), at(read(two), "meshgate_retries_total")) == (1, 0)
    assert {family.name for family in REGISTRY.collect()} == before


@pytest.mark.requirement("metrics.mesh")
def test_the_metrics_of_several_gateways_are_one_exposition_that_tells_them_apart() -> None:
    first, second = Metrics(), Metrics()
    first.policies["kill", "pass"][0] += 1
    second.policies["kill", "pass"][0] += 1
    second.retry()
    merged = merge_metrics({"gw1": first.render().decode(), "gw2": second.render().decode()}).decode()
    families = {family.name: family for family in text_string_to_metric_families(merged)}
    seen = {sample.labels["gateway"]: sample.value for sample in families["meshgate_policy"].samples}
    assert seen == {"gw1": 1.0, "gw2": 1.0}
    retries = {sample.labels["gateway"]: sample.value for sample in families["meshgate_retries"].samples}
    assert retries == {"gw1": 0.0, "gw2": 1.0}
    helps = [line for line in merged.splitlines() if line.startswith("# HELP")]
    assert len(helps) == len(set(helps))


@pytest.mark.requirement("metrics.bounded")
async def test_a_gateway_takes_its_limits_of_metrics_and_of_traces_from_its_settings() -> None:
    async with LocalMesh(limits=Limits(metric_agents=1, traces=1, traces_beyond=2), clock=lambda: 0.0) as mesh:
        for agent in ("first", "second"):
            await mesh.add(agent, text("done"))
            await mesh.call(agent, "go")
        seen = read(mesh.gateway.metrics)
        agents = {dict(labels)["agent"] for name, labels in seen if name == "meshgate_calls_total"}
        assert agents == {"first", OTHER}
        # The first call took the one job a second; of those beyond, every second one is traced.
        assert [mesh.gateway.sampler.sample(None) for _ in range(4)] == [True, False, True, False]
