"""The diagnosis of ``meshgate doctor``: every check in order, each after those that it depends on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from meshgate.cli.doctor.consul_check import check_consul, configured_registry
from meshgate.cli.doctor.findings import Finding
from meshgate.cli.doctor.gateway_checks import check_gateway, check_sockets
from meshgate.cli.doctor.machine_checks import check_extras, check_free_ports, check_home, check_process, check_version
from meshgate.cli.doctor.mesh_checks import check_mesh
from meshgate.registry.home import Home, HomeError, Run

__all__ = ["examine"]


def examine(environ: Mapping[str, str], registry: str, clock: Callable[[], float]) -> list[Finding]:
    """Run every check.

    Args:
        environ: the environment.
        registry: the registry's URL, if it is not in the settings.
        clock: seconds since the epoch.
    """
    home = Home.find(environ)
    found = [check_version(), *check_extras(), check_home(home)]
    run = _read(home, found)
    gateway = environ.get("MESHGATE_URL", "").split(",")[0].rstrip("/") or (run.gateway if run is not None else "")
    if run is not None:
        found.append(check_process(run))
    if gateway:
        found += check_gateway(gateway, clock)
    if run is not None:
        found += check_sockets(run)
    elif not gateway:
        found += check_free_ports()
    if run is not None or environ.get("MESHGATE_ADMIN_URL"):
        found += check_mesh(environ)
    found += check_consul(registry or configured_registry(environ, home))
    return found


# -- this machine


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


# -- the gateway


# -- the mesh, through the admin API


# -- Consul
