"""The settings of ``meshgate up``: from flags, the environment and ``meshgate.toml``.

Flags go before the environment (``MESHGATE_*``), that before ``meshgate.toml``, and that before defaults. An unknown
key is refused, with the nearest known one.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_type_hints

import msgspec

from meshgate.a2a.codec.type_fault import fault_at
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.limits import Limits
from meshgate.gateway.origins import fault_of_origins
from meshgate.gateway.push_networks import fault_of_networks
from meshgate.gateway.setting_place import place_of
from meshgate.registry.extras import GRPC, REMEDY, has
from meshgate.registry.foreign.agent_credential import GivenCredential, OAuth2Client
from meshgate.registry.foreign.card_places import card_places
from meshgate.registry.secret_text import is_literal

__all__ = ["Config", "ConfigError", "ForeignAgent", "OAuth2", "load_config"]


_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
"""A full domain name. ARD takes no other publisher, least of all ``localhost`` (appendix C and its naming guide)."""


class ConfigError(Exception):
    """A setting cannot be used; the message names it, where it came from, and what it may be.

    Args:
        setting: its path, such as ``limits.rate``, where only the values in force were looked at.
    """

    def __init__(self, message: str, setting: str = "") -> None:
        super().__init__(message)
        self.setting = setting


class OAuth2(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A client of an OAuth 2 server, whose tokens a foreign agent wants (``oauth2`` of ``[[agents]]``)."""

    client_id: str
    client_secret: str
    """``env:NAME``, ``file:PATH``, or the secret itself in a settings file that nobody else can read."""
    scope: str = ""
    token_url: str = ""
    """Where tokens come from; the card's place if empty."""


class ForeignAgent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A foreign agent that the settings list (``[[agents]]``)."""

    card: str
    """The URL of its card, or of the agent."""
    name: str = ""
    """Its name in the mesh; made from the card's name if empty."""
    labels: dict[str, str] = {}
    """Labels to select it by."""
    reentrant: dict[str, int] = {}
    """By skill, how often it may stand on one path of calls: 2 for an agent that calls its callers back."""
    tell_caller: bool = False
    """Whether it is told who calls, in the headers ``meshgate-principal`` and ``meshgate-tenant``."""
    references: Literal["own", "any"] = "own"
    """Which tasks a message to it may refer to: those of its caller, or any."""
    contexts: Literal["own", "shared"] = "own"
    """Whose ids of contexts are: each caller's own, or shared by all callers that choose the same."""
    url: str = ""
    """Where it is called, instead of where its card says."""
    protocol: Literal["", "1.0", "0.3"] = ""
    """The version of A2A that it is spoken to in, if its card offers several; any if empty."""
    headers: dict[str, str] = {}
    """Headers that it wants on every request. A value, like each secret here, may be ``env:NAME`` or ``file:PATH``."""
    bearer: str = ""
    """The bearer token that it wants."""
    api_key: str = ""
    """The API key that it wants, where its card says."""
    oauth2: OAuth2 | None = None
    """The client whose tokens it wants."""
    ca: str = ""
    """The PEM file of the authority that its certificate comes from; the system's authorities if empty."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything in it that is a secret, or names one."""
        client = (self.oauth2.client_secret,) if self.oauth2 is not None else ()
        return (*self.headers.values(), self.bearer, self.api_key, *client)

    def credential(self, environ: Mapping[str, str]) -> GivenCredential:
        """What gateways show to it, read from where the settings say.

        Raises:
            InvalidParams: a secret is not there.
        """
        one = self.oauth2
        client = OAuth2Client(one.token_url, one.client_id, one.client_secret, one.scope) if one is not None else None
        given = GivenCredential(self.headers, self.bearer, self.api_key, client, self.ca)
        return given.in_clear(environ, lambda key: f"[[agents]] {key}")


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. A field's name is its key in ``meshgate.toml`` and, after ``MESHGATE_``, in the environment."""

    host: str = "127.0.0.1"
    """Address of the data plane. On 127.0.0.1 the gateway listens on ::1 as well."""
    port: int = 8080
    """Data plane over HTTP; 0 takes a free one."""
    grpc_port: int = 8081
    """Data plane over gRPC; -1 for none."""
    join_host: str = ""
    """Address of the join port; that of the data plane if empty."""
    join_port: int = 8082
    """Where agents register; 0 takes a free one."""
    admin_host: str = "127.0.0.1"
    """Address of the admin port."""
    admin_port: int = 8090
    """Admin API and metrics; 0 takes a free one."""
    inspect_host: str = "127.0.0.1"
    """Address at which other gateways reach this one's inspect API."""
    inspect_port: int = 0
    """Its port; 0 takes a free one."""
    allow_remote: bool = False
    """Whether any address beyond loopback may be bound."""
    base_url: str = ""
    """URL under which clients reach the data plane, for cards; each request's own if empty."""
    grpc_address: str = ""
    """``host:port`` under which clients reach gRPC, for cards. With ``base_url`` and without this they list none."""
    card_grpc: bool = False
    """Whether all cards list gRPC, and not only those at ``/agents/NAME+grpc``: some clients refuse one that does."""
    registry: str = ""
    """``memory:``, ``file:///PATH`` or ``consul://HOST:PORT``; a file in the mesh's home if empty."""
    consul_token: str = ""
    """ACL token for Consul. Set it in the environment, not in a file that others read."""
    consul_ca: str = ""
    """CA certificate file for ``consul+https``."""
    workers: int = 1
    """Gateway processes that share the data ports, at most 64 (Linux)."""
    public_cards: bool | None = None
    """Whether cards and the catalogue need no key; if not set, only on loopback."""
    card_keys: tuple[str, ...] = ()
    """PEM files with keys on P-256 that cards are signed with: the first signs. The mesh makes its own if empty."""
    catalogue_domain: str = ""
    """Domain in the identifiers of the catalogue, such as ``agents.example.org``; ``agent.localhost`` if empty."""
    cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may call, such as ``https://app.example``, or ``*`` alone for all; none if empty."""
    push_networks: tuple[str, ...] = ()
    """Networks that push notifications may go to beside public addresses, and over http: such as ``10.1.0.0/16``."""
    agent_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128", "localhost")
    """Networks (and host names) that agents may listen in."""
    otlp: str = ""
    """Where traces go: ``http://host:4317`` (OTLP over gRPC); nowhere if empty."""
    policies: tuple[str, ...] = ()
    """Entry points of the group ``meshgate.policies`` whose policies are added to the path."""
    without_policies: tuple[str, ...] = ()
    """Policies to leave out of the path; without ``authentication`` nothing beyond loopback is bound."""
    agents: tuple[ForeignAgent, ...] = ()
    """Foreign agents, one table ``[[agents]]`` each."""
    limits: Limits = Limits()
    """The table ``[limits]``."""

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        hosts = {self.host, self.join_host or self.host, self.admin_host, self.inspect_host}
        return all(host in ("127.0.0.1", "::1", "localhost") or host.startswith("127.") for host in hosts)


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    return f"did you mean {near[0]!r}?" if near else "known are " + ", ".join(sorted(known))


def _check_keys(tree: Mapping[str, Any], cls: type[msgspec.Struct], source: Callable[[str], str]) -> None:
    known = list(cls.__struct_fields__)
    for key in tree:
        if key not in known:
            raise ConfigError(f"{source(key)}: there is no setting {key!r}; {_nearest(key, known)}")


def _from_file(path: Path) -> dict[str, Any]:
    def at(setting: str) -> str:
        return place_of(setting, path, {}, {})

    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    _check_keys(tree, Config, at)
    if isinstance(tree.get("limits"), dict):
        _check_keys(tree["limits"], Limits, lambda key: f"{at(f'limits.{key}')} [limits]")
    return tree


_ELSEWHERE = {
    *("HOME", "MESH_KEY", "URL", "KEY", "JOIN_URL", "JOIN_KEY", "ADMIN_URL", "ADMIN_KEY"),
    *("CACHE", "CONTRACTS", "DEBUG"),
}
"""``MESHGATE_*`` variables of agents, clients and tests, which are no settings of the gateway."""


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    hints = get_type_hints(Config)
    for name, value in environ.items():
        key = name.removeprefix("MESHGATE_")
        if key == name or key in _ELSEWHERE:
            continue
        field = key.lower()
        if field.startswith("limits_") and field.removeprefix("limits_") in Limits.__struct_fields__:
            limits[field.removeprefix("limits_")] = value
        elif field in Config.__struct_fields__ and field not in ("agents", "limits"):
            many = hints[field] == tuple[str, ...]
            tree[field] = [part.strip() for part in value.split(",")] if many else value
        else:
            known = [f"MESHGATE_{one.upper()}" for one in Config.__struct_fields__]
            raise ConfigError(f"the environment: there is no setting {name}; {_nearest(name, known)}")
    return {**tree, "limits": limits} if limits else tree


def load_config(
    flags: Mapping[str, Any], *, home: Path, path: Path | None = None, environ: Mapping[str, str] | None = None
) -> Config:
    """The settings in force.

    Args:
        flags: the flags of the command line; None counts as not given.
        path: ``--config``; else ``meshgate.toml`` in the working folder, else in ``home``.

    Raises:
        ConfigError: a setting cannot be used.
    """
    environ = os.environ if environ is None else environ
    places = [path] if path is not None else [Path("meshgate.toml"), home / "meshgate.toml"]
    found = next((place for place in places if path is not None or place.is_file()), None)
    layers = [_from_file(found) if found is not None else {}, _from_environment(environ)]
    layers.append({key: value for key, value in flags.items() if value is not None})
    tree: dict[str, Any] = {}
    for layer in layers:
        limits = {**tree.get("limits", {}), **layer.get("limits", {})}
        tree = {**tree, **layer, **({"limits": limits} if limits else {})}
    if not has(GRPC):
        tree.setdefault("grpc_port", -1)  # the default asks for gRPC only where it is installed
    try:
        config = msgspec.convert(tree, Config, strict=False)
        _check(config)
    except msgspec.ValidationError as error:
        fault = fault_at(error)
        # A check of a struct as a whole names its field itself: "limits: limits.rate must be ...".
        named = [each.partition(" ")[0] for each in fault.split(": ")]
        place = place_of(max(named[:2], key=lambda name: name.count(".")), found, layers[1], layers[2])
        raise ConfigError(f"{place or 'a setting cannot be used'}: {fault}") from None
    except ConfigError as error:
        place = place_of(error.setting, found, layers[1], layers[2]) if error.setting else ""
        raise ConfigError(f"{place}: {error}" if place else str(error)) from None
    if found is not None and found.stat().st_mode & 0o077 and any(map(is_literal, _secrets_of(config))):
        raise ConfigError(
            f"{found} holds a secret of an agent and can be read by others: chmod 600 {found}, or write env:NAME or "
            "file:PATH instead of the secret"
        )
    return config


def _secrets_of(config: Config) -> list[str]:
    return [secret for agent in config.agents for secret in agent.secrets]


def _check(config: Config) -> None:
    for name in ("port", "join_port", "admin_port", "inspect_port"):
        if not 0 <= getattr(config, name) <= 65535:
            raise ConfigError(f"{name} must be 0 to 65535", name)
    if not -1 <= config.grpc_port <= 65535:
        raise ConfigError("grpc_port must be 0 to 65535, or -1 for none", "grpc_port")
    if config.grpc_port >= 0 and not has(GRPC):
        told = f"gRPC is not installed here: {REMEDY} adds it; leave grpc_port out for a mesh without gRPC"
        raise ConfigError(told, "grpc_port")
    if config.catalogue_domain and _DOMAIN.fullmatch(config.catalogue_domain.lower()) is None:
        told = "catalogue_domain must be a full domain name, such as agents.example.org; leave it out on one machine"
        raise ConfigError(told, "catalogue_domain")
    if not 1 <= config.workers <= 64:
        raise ConfigError("workers must be 1 to 64", "workers")
    _check_reach(config)
    for at, agent in enumerate(config.agents):
        try:
            card_places(agent.card)
        except InvalidParams as error:
            raise ConfigError(f"[[agents]] card: {error.message}", f"agents[{at}].card") from None
    if not config.loopback and "authentication" in config.without_policies:
        raise ConfigError("without the policy 'authentication' a gateway listens on loopback only")
    if not config.loopback and not config.allow_remote:
        raise ConfigError(
            "an address beyond loopback would be bound: set allow_remote (--allow-remote) if that is meant, "
            "and put TLS in front, because keys travel in clear over HTTP"
        )


def _check_reach(config: Config) -> None:
    """Who may call from a browser, and what the gateway may call in turn."""
    if fault := fault_of_origins(config.cors_origins, keyed="authentication" not in config.without_policies):
        raise ConfigError(f"cors_origins: {fault}", "cors_origins")
    if fault := fault_of_networks(config.push_networks):
        raise ConfigError(f"push_networks: {fault}", "push_networks")
