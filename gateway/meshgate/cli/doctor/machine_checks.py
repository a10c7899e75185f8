"""The checks of this machine: what is installed, the home, the process and the ports."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

from meshgate.cli.commands.about import about
from meshgate.cli.doctor.findings import PROBE_SECONDS, Finding
from meshgate.cli.launch.process import alive, is_ours
from meshgate.registry.extras import extras, lacking
from meshgate.registry.home import Home, HomeError, Run

__all__ = []

_WITHIN = ("grpc", "gateway-core")
"""The extras that the extra ``gateway`` brings along."""
_PORTS = {"--port": 8080, "--grpc-port": 8081, "--join-port": 8082, "--admin-port": 8090}


def check_version() -> Finding:
    told = about()
    detail = f"meshgate {told['meshgate']}, Python {told['python']} on {told['platform']}"
    return Finding("version", "ok", detail)


def check_extras() -> Iterator[Finding]:
    there = extras()
    missing = [extra for extra, installed in there.items() if not installed]
    have = ", ".join(extra for extra, installed in there.items() if installed) or "none"
    if missing:
        wanted = ",".join(extra for extra in missing if extra not in _WITHIN or "gateway" not in missing)
        lines = f"pip install 'meshgate[{wanted}]' adds them, if they are wanted"
        detail = f"installed: {have}; not installed: {', '.join(missing)}"
        if there["gateway-core"] and (parts := lacking()):
            detail += f"; a gateway here goes without {', '.join(parts)}"
        yield Finding("extras", "note", detail, lines)
    else:
        yield Finding("extras", "ok", have)


def check_home(home: Home) -> Finding:
    if not home.path.exists():
        return Finding("home", "note", f"{home.path} is not there yet; 'meshgate up' makes it")
    try:
        home.ensure()
    except (HomeError, OSError) as error:
        return Finding("home", "fail", str(error), "MESHGATE_HOME chooses another folder")
    if not os.access(home.path, os.W_OK):
        return Finding("home", "fail", f"{home.path} cannot be written", f"chmod 700 {home.path}")
    return Finding("home", "ok", str(home.path))


def check_process(run: Run) -> Finding:
    if is_ours(run):
        return Finding("process", "ok", f"{run.pid} runs")
    what = "is another program now" if alive(run.pid) else "has ended without clearing up"
    return Finding("process", "fail", f"{run.pid} {what}", "'meshgate down' clears it, then 'meshgate up'")


def check_free_ports() -> Iterator[Finding]:
    taken = [(flag, port) for flag, port in _PORTS.items() if listens("127.0.0.1", port)]
    if not taken:
        yield Finding("ports", "ok", ", ".join(str(port) for port in _PORTS.values()) + " are free")
    for flag, port in taken:
        detail = f"{port} is used by another program"
        yield Finding("ports", "warn", detail, f"meshgate up {flag} 0 takes a free one")


def listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=PROBE_SECONDS):
            return True
    except OSError:
        return False
