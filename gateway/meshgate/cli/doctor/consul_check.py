"""The check of Consul, if it is the registry."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from meshgate.cli.doctor.findings import PROBE_SECONDS, Finding
from meshgate.registry.home import Home

__all__ = []


def configured_registry(environ: Mapping[str, str], home: Home) -> str:
    if environ.get("MESHGATE_REGISTRY"):
        return environ["MESHGATE_REGISTRY"]
    for path in (Path("meshgate.toml"), home.path / "meshgate.toml"):
        try:
            return str(tomllib.loads(path.read_text("utf-8")).get("registry", ""))
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            return ""  # 'meshgate up' tells what is wrong with the file
    return ""


def check_consul(registry: str) -> Iterator[Finding]:
    parts = urlsplit(registry)
    if not parts.scheme.startswith("consul"):
        return
    import httpx

    tls = parts.scheme.endswith("+https")
    url = f"http{'s' if tls else ''}://{parts.hostname}:{parts.port or (8501 if tls else 8500)}"
    try:
        # The request needs no token, and sends none, because its TLS certificate is not verified.
        leader = httpx.get(
            f"{url}/v1/status/leader", timeout=PROBE_SECONDS, trust_env=False, verify=not tls
        ).text.strip()
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
