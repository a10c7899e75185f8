"""What ``meshgate doctor`` looks at."""

from __future__ import annotations

import os
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from meshgate.cli.admin_client import Admin
from meshgate.cli.commands.about import about, extras
from meshgate.cli.commands.doctor import Finding
from meshgate.cli.commands.process import alive, is_ours, probe
from meshgate.cli.exits import CliError
from meshgate.cli.views.model import Agent, GatewayStatus
from meshgate.cli.views.tables import plural
from meshgate.registry.home import Home, HomeError, Run

__all__ = ["examine"]

_SECONDS = 1.0
_SKEW = 5.0
"""Seconds between two clocks beyond which log lines and records no longer fit together."""
_STALE = 5.0
_BAD = {"unhealthy": "it does not answer", "open": "its calls failed, so it gets none for a while (breaker open)"}
_PORTS = {"--port": 8080, "--grpc-port": 8081, "--join-port": 8082, "--admin-port": 8090}


def examine(environ: Mapping[str, str], registry: str, clock: Callable[[], float]) -> list[Finding]:
    """Everything, in the order in which one thing needs the one before.

    Args:
        registry: the registry's URL, if it is not in the settings.
        clock: seconds since the epoch.
    """
    home = Home.find(environ)
    found = [_installed(), *_extras(), _home(home)]
    run = _read(home, found)
    gateway = environ.get("MESHGATE_URL", "").split(",")[0].rstrip("/") or (run.gateway if run is not None else "")
    if run is not None:
        found.append(_process(run))
    if gateway:
        found += _gateway(gateway, clock)
    if run is not None:
        found += _sockets(run)
    elif not gateway:
        found += _free_ports()
    if run is not None or environ.get("MESHGATE_ADMIN_URL"):
        found += _admin(environ)
    found += _consul(registry or _configured(environ, home))
    return found


# -- this machine


def _installed() -> Finding:
    told = about()
    detail = f"meshgate {told['meshgate']}, Python {told['python']} on {told['platform']}"
    return Finding("version", "ok", detail)


def _extras() -> Iterator[Finding]:
    there = extras()
    missing = [extra for extra, installed in there.items() if not installed]
    have = ", ".join(extra for extra, installed in there.items() if installed) or "none"
    if missing:
        lines = f"pip install 'meshgate[{','.join(missing)}]' adds them, if they are wanted"
        yield Finding("extras", "note", f"installed: {have}; not installed: {', '.join(missing)}", lines)
    else:
        yield Finding("extras", "ok", have)


def _home(home: Home) -> Finding:
    if not home.path.exists():
        return Finding("home", "note", f"{home.path} is not there yet; 'meshgate up' makes it")
    try:
        home.ensure()
    except (HomeError, OSError) as error:
        return Finding("home", "fail", str(error), "MESHGATE_HOME chooses another folder")
    if not os.access(home.path, os.W_OK):
        return Finding("home", "fail", f"{home.path} cannot be written", f"chmod 700 {home.path}")
    return Finding("home", "ok", str(home.path))


def _read(home: Home, found: list[Finding]) -> Run | None:
    try:
        run = home.read()
    except HomeError as error:
        found.append(Finding("run.json", "fail", str(error)))
        return None
    if run is None:
        remote = bool(os.environ.get("MESHGATE_URL"))
        detail = f"no mesh runs from {home.path}"
        remedy = "meshgate up -d, or set MESHGATE_URL and MESHGATE_KEY to use one elsewhere"
        found.append(
            Finding("mesh", "note" if remote else "fail", detail, "" if remote else remedy, unreachable=not remote)
        )
    return run


def _process(run: Run) -> Finding:
    if is_ours(run):
        return Finding("process", "ok", f"{run.pid} runs")
    what = "is another program now" if alive(run.pid) else "has ended without clearing up"
    return Finding("process", "fail", f"{run.pid} {what}", "'meshgate down' clears it, then 'meshgate up'")


def _free_ports() -> Iterator[Finding]:
    taken = [(flag, port) for flag, port in _PORTS.items() if _listens("127.0.0.1", port)]
    if not taken:
        yield Finding("ports", "ok", ", ".join(str(port) for port in _PORTS.values()) + " are free")
    for flag, port in taken:
        detail = f"{port} is used by another program"
        yield Finding("ports", "warn", detail, f"meshgate up {flag} 0 takes a free one")


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=_SECONDS):
            return True
    except OSError:
        return False


# -- the gateway


def _gateway(url: str, clock: Callable[[], float]) -> Iterator[Finding]:
    import httpx

    try:
        response = httpx.get(f"{url}/livez", timeout=_SECONDS, trust_env=False)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        detail = f"{url} does not answer ({type(error).__name__})"
        yield Finding("gateway", "fail", detail, "is it running, and is MESHGATE_URL right?", unreachable=True)
        return
    if response.status_code != 200:
        yield Finding("gateway", "fail", f"{url}/livez answered HTTP {response.status_code}", "is it a gateway?")
        return
    yield Finding("gateway", "ok", f"{url} answers")
    yield _ready(url)
    yield from _clock(response.headers.get("date", ""), clock)


def _ready(url: str) -> Finding:
    import httpx

    try:
        response = httpx.get(f"{url}/readyz", timeout=_SECONDS, trust_env=False)
    except httpx.TransportError:
        return Finding("ready", "fail", f"{url}/readyz does not answer", "its log says more")
    if response.status_code == 200:
        return Finding("ready", "ok", "it takes calls")
    try:
        reason = str(response.json()["reason"])
    except (ValueError, KeyError, TypeError):
        reason = f"HTTP {response.status_code}"
    return Finding("ready", "fail", f"it asks for no new calls: {reason}", "its log says more")


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


def _sockets(run: Run) -> Iterator[Finding]:
    status = probe(run.join)
    if status:
        yield Finding("join port", "ok", run.join)
    else:
        yield Finding("join port", "fail", f"{run.join} does not answer", "agents cannot join: see the gateway's log")
    if run.grpc:
        host, _, port = run.grpc.rpartition(":")
        if _listens(host.strip("[]"), int(port)):
            yield Finding("gRPC port", "ok", run.grpc)
        else:
            yield Finding("gRPC port", "fail", f"{run.grpc} does not answer", "see the gateway's log")


# -- the mesh, through the admin API


def _admin(environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        with Admin(environ) as admin:
            gateways: tuple[GatewayStatus, ...] = admin.get("gateways", tuple[GatewayStatus, ...])
            agents: tuple[Agent, ...] = admin.get("agents", tuple[Agent, ...])
    except CliError as error:
        yield Finding("admin port", "fail", error.message, error.remedy)
        return
    yield Finding("admin port", "ok", f"{admin.url} takes the key")
    for one in gateways:
        yield _status(one)
    yield from _agents(agents)


def _status(one: GatewayStatus) -> Finding:
    name = f"gateway {one.gateway}"
    if one.registry_stale > _STALE:
        detail = f"its registry has not answered for {one.registry_stale:.0f} s; it serves what it last knew"
        return Finding(name, "fail", detail, "is the registry running? the gateway's log has its error")
    if one.draining:
        return Finding(name, "warn", "it is draining", "meshgate drain --off")
    if one.ready:
        return Finding(name, "fail", f"not ready: {one.ready}", "its log says more")
    counts = f"{plural(one.instances, 'instance')}, {plural(one.open_calls, 'open call')}"
    age = "up to date" if one.registry_stale < 1.0 else f"last heard of {one.registry_stale:.0f} s ago"
    return Finding(name, "ok", f"{counts}, registry {age}")


def _agents(agents: tuple[Agent, ...]) -> Iterator[Finding]:
    if not agents:
        yield Finding("agents", "note", "none has joined", "agent.run() in Python, or meshgate register --card URL")
    for agent in agents:
        states = {one.id: one.state for one in agent.instances}
        bad = [f"{name}: {_BAD[state]}" for name, state in states.items() if state in _BAD]
        name = f"agent {agent.agent}"
        ready = sum(state == "ready" for state in states.values())
        detail = f"{ready} of {plural(len(states), 'instance')} ready"
        if bad:
            remedy = "look at its log; 'meshgate jobs' and 'meshgate job ID' show how its calls ended"
            yield Finding(name, "fail" if not ready else "warn", "; ".join([detail, *bad]), remedy)
        else:
            yield Finding(name, "ok", detail)


# -- Consul


def _configured(environ: Mapping[str, str], home: Home) -> str:
    if environ.get("MESHGATE_REGISTRY"):
        return environ["MESHGATE_REGISTRY"]
    for path in (Path("meshgate.toml"), home.path / "meshgate.toml"):
        try:
            return str(tomllib.loads(path.read_text("utf-8")).get("registry", ""))
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            return ""  # 'meshgate up' says what is wrong with it
    return ""


def _consul(registry: str) -> Iterator[Finding]:
    parts = urlsplit(registry)
    if not parts.scheme.startswith("consul"):
        return
    import httpx

    tls = parts.scheme.endswith("+https")
    url = f"http{'s' if tls else ''}://{parts.hostname}:{parts.port or (8501 if tls else 8500)}"
    try:
        # Whether it answers is asked, not who it is: no token is sent.
        leader = httpx.get(f"{url}/v1/status/leader", timeout=_SECONDS, trust_env=False, verify=not tls).text.strip()
    except (httpx.TransportError, httpx.InvalidURL) as error:
        detail = f"{url} does not answer ({type(error).__name__})"
        yield Finding("Consul", "fail", detail, "start it, or see its own log; calls go on with what is known")
        return
    if leader in ("", '""'):
        yield Finding(
            "Consul", "fail", f"{url} has no leader", "its servers have lost their quorum: see 'consul members'"
        )
    else:
        address = leader.strip('"')
        yield Finding("Consul", "ok", f"{url}, leader {address}")
