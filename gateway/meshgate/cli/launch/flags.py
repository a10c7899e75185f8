"""The flags of ``meshgate up``, one for each setting that may stand on a command line.

The table repeats the fields of ``meshgate.gateway.config.Config``, because the base install shows this help as well,
and it cannot import the gateway. A test compares the two: names, types and defaults.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from meshgate.a2a.codec.strict_json import is_array, is_object

__all__ = ["FLAGS", "Flag", "arguments_of", "with_flags"]

_PORTS, _REACH, _STATE, _CARDS = "Ports", "Who may connect", "Registry and processes", "Cards and traces"


class Flag(msgspec.Struct, frozen=True):
    """One flag of ``meshgate up``."""

    setting: str
    """The field of ``Config`` that it sets."""
    kind: Any
    """The type of its value."""
    panel: str
    help: str
    default: str
    """The default as the help shows it."""
    name: str = ""
    """The flag's name, if it is not the setting's."""
    off: str = ""
    """The name that switches it off, if it is not the name with ``no``."""
    short: str = ""

    @property
    def on(self) -> str:
        """The name on a command line, such as ``--grpc-port``."""
        return f"--{(self.name or self.setting).replace('_', '-')}"

    @property
    def negative(self) -> str:
        """The name that switches it off."""
        return f"--{self.off}" if self.off else f"--no-{self.on.removeprefix('--')}"

    @property
    def parameter(self) -> inspect.Parameter:
        """The parameter that typer reads."""
        names = [f"{self.on}/{self.negative}" if self.kind is bool else self.on, *([self.short] if self.short else [])]
        text = f"{self.help} [dim]\\[default: {self.default}][/dim]"
        option = typer.Option(*names, help=text, rich_help_panel=self.panel, show_default=False)
        kind: Any = self.kind | None
        return inspect.Parameter(
            self.setting, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
        )

    def arguments(self, value: Any) -> list[str]:
        """The flag with a value, as they stand on a command line."""
        if isinstance(value, bool):
            return [self.on if value else self.negative]
        if is_object(value):
            return [part for key, each in value.items() for part in (self.on, f"{key}={each}")]
        if is_array(value):
            return [part for each in value for part in (self.on, str(each))]
        return [self.on, str(value)]


FLAGS: tuple[Flag, ...] = (
    Flag("port", int, _PORTS, "HTTP: JSON-RPC, streams, cards.", "8080"),
    Flag("grpc_port", int, _PORTS, "gRPC; -1 for none.", "8081"),
    Flag("join_port", int, _PORTS, "Where agents register.", "8082"),
    Flag("admin_port", int, _PORTS, "Admin API and metrics.", "8090"),
    Flag("inspect_port", int, _PORTS, "Where gateways ask each other.", "a free one"),
    Flag("host", str, _REACH, "Address of HTTP and gRPC.", "127.0.0.1, and ::1"),
    Flag("join_host", str, _REACH, "Address of the join port.", "--host"),
    Flag("admin_host", str, _REACH, "Address of the admin port.", "127.0.0.1"),
    Flag("inspect_host", str, _REACH, "Address of the inspect port.", "127.0.0.1"),
    Flag(
        "allow_remote",
        bool,
        _REACH,
        "Whether an address beyond this machine may be bound. Put TLS in front: keys travel in clear.",
        "loopback only",
        off="loopback-only",
    ),
    Flag(
        "cors_origins",
        list[str],
        _REACH,
        "An origin whose web pages may call, such as https://app.example, or * for all; repeatable.",
        "none",
        name="cors-origin",
    ),
    Flag(
        "push_networks",
        list[str],
        _REACH,
        "A network that push notifications may go to beside public addresses, such as 10.1.0.0/16; repeatable.",
        "none",
        name="push-network",
    ),
    Flag(
        "agent_networks",
        list[str],
        _REACH,
        "A network or host name that agents may listen in, such as 10.0.0.0/8; repeatable.",
        "loopback",
        name="agent-network",
    ),
    Flag(
        "card_keys",
        list[str],
        _STATE,
        "A PEM file with a key on P-256 that cards are signed with; the first signs; repeatable.",
        "keys of the mesh's own",
        name="card-key",
    ),
    Flag(
        "registry",
        str,
        _STATE,
        "memory:, file:///PATH or consul://HOST:PORT (its token: MESHGATE_CONSUL_TOKEN).",
        "a file in the home",
    ),
    Flag("consul_ca", str, _STATE, "CA certificates for consul+https.", "the system's"),
    Flag("workers", int, _STATE, "Gateway processes that share the ports.", "1", short="-w"),
    Flag(
        "limits",
        list[str],
        _STATE,
        "Set a limit, such as --limit deadline=30; repeatable.",
        "docs/limits.md lists all",
        name="limit",
    ),
    Flag(
        "policies",
        list[str],
        _STATE,
        "Add the policies of an installed package, by the name of their entry point; repeatable.",
        "none",
        name="policy",
    ),
    Flag(
        "without_policies",
        list[str],
        _STATE,
        "Leave a policy out of the path of calls, such as record; repeatable.",
        "none is left out",
        name="without-policy",
    ),
    Flag("base_url", str, _CARDS, "The URL that clients use, for cards.", "each request's own"),
    Flag("grpc_address", str, _CARDS, "HOST:PORT that gRPC clients use, for cards.", "each request's own host"),
    Flag("card_grpc", bool, _CARDS, "Whether all cards list gRPC; else those of NAME+grpc do.", "no"),
    Flag("public_cards", bool, _CARDS, "Whether cards and the catalogue need no key.", "yes on loopback, else no"),
    Flag("catalogue_domain", str, _CARDS, "Domain in the identifiers of the catalogue.", "agent.localhost"),
    Flag("otlp", str, _CARDS, "Send traces there, such as http://127.0.0.1:4317.", "nowhere"),
)
_BY_SETTING = {flag.setting: flag for flag in FLAGS}


def with_flags(command: Callable[..., None], flags: Sequence[Flag] = FLAGS) -> Callable[..., None]:
    """The command with a signature that has each flag in front of its own options. Flags not given are None."""
    own = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.kind != one.VAR_KEYWORD]
    vars(command)["__signature__"] = inspect.Signature([*(flag.parameter for flag in flags), *own])
    return command


def arguments_of(settings: Mapping[str, Any], path: Path | None) -> list[str]:
    """Settings as arguments of ``meshgate up``.

    Args:
        settings: values by setting, as flags gave them.
        path: the settings file, if ``--config`` gave one.
    """
    given = ["--config", str(path)] if path is not None else []
    return given + [part for name, value in settings.items() for part in _BY_SETTING[name].arguments(value)]
