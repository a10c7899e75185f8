"""Spans as Jaeger's query API gives them, in the form of `tests.support.otlp`."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.otlp import Node, Seen, Value, tree_of
from tests.support.patience import patience


def fetch(query: str, trace_id: str) -> list[Seen]:
    """The spans of a trace; none if Jaeger knows no such trace. `query` is its base URL."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{query}/api/traces/{trace_id}", timeout=patience()) as response:
            traces: list[dict[str, Any]] = json.load(response)["data"] or []
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return []
        raise
    return [_read(span, trace["processes"][span["processID"]]) for trace in traces for span in trace["spans"]]


def wait_for_tree(query: str, trace_id: str, count: int, *, below: str = "") -> Node:
    """The tree of a trace once `count` of its spans can be read; raises TimeoutError. For `below` see `tree_of`."""
    deadline, pause = time.monotonic() + patience(), threading.Event()
    while len(spans := fetch(query, trace_id)) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"Jaeger has {[(span.service, span.name) for span in spans]} of {count} spans")
        pause.wait(0.05)
    return tree_of(spans, below=below)


def _read(span: Mapping[str, Any], process: Mapping[str, Any]) -> Seen:
    attributes = _tags(span["tags"])
    above = [each for each in span["references"] if each["refType"] == "CHILD_OF"]
    others = [each for each in span["references"] if each["refType"] != "CHILD_OF"]
    return Seen(
        trace_id=span["traceID"],
        span_id=span["spanID"],
        parent_id=above[0]["spanID"] if above else "",
        name=span["operationName"],
        kind=str(attributes.pop("span.kind", "")),
        start=span["startTime"] * 1000,
        end=(span["startTime"] + span["duration"]) * 1000,
        attributes=attributes,
        resource={"service.name": process["serviceName"], **_tags(process["tags"])},
        links=tuple((each["traceID"], each["spanID"]) for each in others),
        failed=attributes.pop("error", False) is True,
        message=str(attributes.pop("otel.status_description", "")),
    )


def _tags(tags: Sequence[Mapping[str, Any]]) -> dict[str, Value]:
    return {tag["key"]: tag["value"] for tag in tags}
