"""The checks of a gateway: whether it answers, takes calls, and shares the clock of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any

from meshgate.cli.doctor.findings import PROBE_SECONDS, Finding
from meshgate.cli.doctor.machine_checks import listens
from meshgate.cli.launch.process import probe
from meshgate.registry.home import Run

__all__ = []

_LOG = "its log says more"
_SKEW = 5.0
"""A larger difference of two clocks, in seconds, makes log lines and records hard to compare."""


def check_gateway(url: str, clock: Callable[[], float]) -> Iterator[Finding]:
    import httpx

    try:
        response = httpx.get(f"{url}/livez", timeout=PROBE_SECONDS, trust_env=False)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        detail = f"{url} does not answer ({type(error).__name__})"
        yield Finding("gateway", "fail", detail, "is it running, and is MESHGATE_URL right?", unreachable=True)
        return
    if response.status_code != 200:
        yield Finding("gateway", "fail", f"{url}/livez answered HTTP {response.status_code}", "is it a gateway?")
        return
    yield Finding("gateway", "ok", f"{url} answers")
    yield from _ready(url)
    yield from _clock(response.headers.get("date", ""), clock)


def _ready(url: str) -> Iterator[Finding]:
    import httpx

    try:
        response = httpx.get(f"{url}/readyz", timeout=PROBE_SECONDS, trust_env=False)
    except httpx.TransportError:
        yield Finding("ready", "fail", f"{url}/readyz does not answer", _LOG)
        return
    try:
        said: dict[str, Any] = response.json()
        reason, degraded = str(said.get("reason", "")), [str(each) for each in said.get("degraded", ())]
    except (ValueError, AttributeError, TypeError):
        reason, degraded = "", []
    if response.status_code == 200:
        yield Finding("ready", "ok", "it takes calls")
    else:
        yield Finding("ready", "fail", f"it asks for no new calls: {reason or f'HTTP {response.status_code}'}", _LOG)
    for each in degraded:
        yield Finding("registry", "fail", each, _LOG)


def _clock(date: str, clock: Callable[[], float]) -> Iterator[Finding]:
    try:
        skew = clock() - parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return
    if abs(skew) > _SKEW:
        detail = f"this machine is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the gateway"
        yield Finding("clock", "warn", detail, "let both follow NTP: times in records and traces are off")
    else:
        yield Finding("clock", "ok", "agrees with the gateway's")


def check_sockets(run: Run) -> Iterator[Finding]:
    status = probe(run.join)
    if status:
        yield Finding("join port", "ok", run.join)
    else:
        yield Finding("join port", "fail", f"{run.join} does not answer", "agents cannot join: see the gateway's log")
    if run.grpc:
        host, _, port = run.grpc.rpartition(":")
        if listens(host.strip("[]"), int(port)):
            yield Finding("gRPC port", "ok", run.grpc)
        else:
            yield Finding("gRPC port", "fail", f"{run.grpc} does not answer", "see the gateway's log")
