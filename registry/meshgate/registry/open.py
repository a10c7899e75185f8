"""Opens the registry that a URL names."""

from __future__ import annotations

import difflib
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import msgspec

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.limits import DEFAULTS
from meshgate.registry.backends.consul.address import ConsulAddress
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.interface import Registry

__all__ = ["consul_address", "open_registry"]

SCHEMES = ("memory", "file", "consul", "consul+https")


def open_registry(url: str, *, ttl: float = DEFAULTS.lease, consul: ConsulAddress | None = None) -> Registry:
    """The registry that ``url`` names: ``memory:``, ``file:///PATH``, ``consul://HOST:PORT``, ``consul+https://HOST:PORT``.

    Nothing is connected yet. Lease terms (``ttl``) are in seconds. What has no place in a URL (the token, certificates)
    comes in ``consul``, whose host, port and tls the URL replaces; ``?prefix=NAME`` in the URL replaces its prefix.

    Raises:
        InvalidParams: the URL cannot be read; the message shows the nearest form.
        ImportError: the backend's extra is not installed; the message is the ``pip install`` line.
    """
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise InvalidParams("a registry URL holds no credential: set the token apart from it")
    match parts.scheme:
        case "memory":
            _plain(parts, ())
            return MemoryRegistry(ttl=ttl)
        case "file":
            return _file(parts, ttl)
        case "consul" | "consul+https":
            return _consul(parts, ttl, consul or ConsulAddress())
        case scheme:
            near = difflib.get_close_matches(scheme, SCHEMES, n=1, cutoff=0.5)
            hint = f": did you mean {near[0]}:?" if near else ": memory:, file:///PATH, consul://HOST:PORT"
            raise InvalidParams(f"{scheme or url[:32]!r} is no kind of registry{hint}")


def _file(parts: SplitResult, ttl: float) -> Registry:
    from meshgate.registry.backends.file import FileRegistry

    _plain(parts, ())
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.path.endswith("/"):
        raise InvalidParams("a file registry is named by an absolute path: file:///home/me/.meshgate/registry.db")
    return FileRegistry(Path(unquote(parts.path)), ttl=ttl)


def _consul(parts: SplitResult, ttl: float, base: ConsulAddress) -> Registry:
    from meshgate.registry.backends.consul.client import check_installed
    from meshgate.registry.backends.consul.registry import ConsulRegistry

    address = _address(parts, base)
    check_installed()
    return ConsulRegistry(address, ttl=ttl)


def consul_address(url: str, base: ConsulAddress | None = None) -> ConsulAddress | None:
    """The address of the Consul that ``url`` names; None if it names another kind of registry.

    Raises:
        InvalidParams: see ``open_registry``.
    """
    parts = urlsplit(url)
    return _address(parts, base or ConsulAddress()) if parts.scheme in ("consul", "consul+https") else None


def _address(parts: SplitResult, base: ConsulAddress) -> ConsulAddress:
    query = _plain(parts, ("prefix",))
    tls = parts.scheme == "consul+https"
    usual = 8501 if tls else 8500  # what Consul's own documentation uses
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidParams(f"{parts.netloc!r} is no HOST:PORT") from error
    if not host or parts.path not in ("", "/"):
        raise InvalidParams("a Consul registry is named by its agent's address: consul://127.0.0.1:8500")
    return msgspec.structs.replace(
        base, host=host, port=usual if port is None else port, tls=tls, prefix=query.get("prefix", base.prefix)
    )


def _plain(parts: SplitResult, allowed: tuple[str, ...]) -> dict[str, str]:
    """The query's values, each given once and known."""
    query = parse_qs(parts.query, keep_blank_values=True)
    for name, values in query.items():
        if name not in allowed or len(values) != 1:
            known = ", ".join(allowed) or "none"
            raise InvalidParams(f"{name[:32]!r} is no option of this registry (known: {known}), or it is given twice")
    if parts.fragment:
        raise InvalidParams("a registry URL has no #fragment")
    return {name: values[0] for name, values in query.items()}
