"""Finds the mesh: from an argument, then the environment, then the file that ``meshgate up`` writes on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from meshgate.a2a.errors import MeshError
from meshgate.registry.home import Home, HomeError, Run
from meshgate.sdk.client.access import Access

__all__ = ["NotConfigured", "find_gateway", "find_join"]

_Read = Callable[[Run], tuple[str, str]]


class NotConfigured(MeshError):
    """No gateway, or no key for it, was given or found."""

    code, summary = "NOT_CONFIGURED", "no gateway was found: start one with 'meshgate up'"


def find_gateway(
    urls: str | Sequence[str] | None = None, key: str | None = None, environ: Mapping[str, str] = os.environ
) -> Access:
    """The gateways to call through: ``urls`` and ``key``, then ``MESHGATE_URL`` and ``MESHGATE_KEY``, then run.json.

    Raises:
        NotConfigured: with the remedy.
    """
    return _find(urls, key, environ, "MESHGATE_URL", "MESHGATE_KEY", lambda run: (run.gateway, run.client_key))


def find_join(
    urls: str | Sequence[str] | None = None, key: str | None = None, environ: Mapping[str, str] = os.environ
) -> Access:
    """The join ports: ``urls`` and ``key``, then ``MESHGATE_JOIN_URL`` and ``MESHGATE_JOIN_KEY``, then run.json.

    Raises:
        NotConfigured: with the remedy.
    """
    return _find(urls, key, environ, "MESHGATE_JOIN_URL", "MESHGATE_JOIN_KEY", lambda run: (run.join, run.join_key))


def _find(
    urls: str | Sequence[str] | None,
    key: str | None,
    environ: Mapping[str, str],
    url_name: str,
    key_name: str,
    read: _Read,
) -> Access:
    named = _split(urls) or _split(environ.get(url_name))
    key = key or environ.get(key_name)
    if not named or not key:
        run = _running(environ)
        local, local_key = read(run) if run is not None else ("", "")
        named = named or _split(local)
        # The local mesh's key is for the local mesh: it is never sent to an address from elsewhere.
        if not key and named == _split(local):
            key = local_key
    if not named:
        home = Home.find(environ)
        raise NotConfigured(
            f"no gateway: start one with 'meshgate up', or set {url_name} (looked into {home.run_file})"
        )
    if not key:
        raise NotConfigured(f"no key for {named[0]}: set {key_name}, or give it as an argument")
    return Access(named, key)


def _running(environ: Mapping[str, str]) -> Run | None:
    try:
        return Home.find(environ).read()
    except HomeError as error:
        raise NotConfigured(str(error)) from None


def _split(urls: str | Sequence[str] | None) -> tuple[str, ...]:
    parts = urls.split(",") if isinstance(urls, str) else urls or ()
    found = tuple(part.strip().rstrip("/") for part in parts if part.strip())
    for url in found:
        split = urlsplit(url)
        if split.scheme not in ("http", "https") or not split.hostname or split.query or split.fragment:
            raise NotConfigured(f"{url[:128]!r} is no base URL: write it like http://127.0.0.1:8080")
    return found
