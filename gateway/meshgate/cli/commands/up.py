"""``meshgate up``: its flags. What it does with them is in ``running``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from meshgate.cli.exits import CliError, Exit

__all__ = ["limits_of", "up"]

_PORTS, _REACH, _STATE, _CARDS = "Ports", "Who may connect", "Registry and processes", "Cards and traces"


def _flag(*names: str, help: str, default: str, panel: str) -> Any:  # noqa: A002 - typer's own name for it
    return typer.Option(
        *names, help=f"{help} [dim]\\[default: {default}][/dim]", rich_help_panel=panel, show_default=False
    )


def up(  # noqa: PLR0917 - options, which nobody passes by position
    port: Annotated[int | None, _flag(help="HTTP: JSON-RPC, streams, cards.", default="8080", panel=_PORTS)] = None,
    grpc_port: Annotated[int | None, _flag(help="gRPC; -1 for none.", default="8081", panel=_PORTS)] = None,
    join_port: Annotated[int | None, _flag(help="Where agents register.", default="8082", panel=_PORTS)] = None,
    admin_port: Annotated[int | None, _flag(help="Admin API and metrics.", default="8090", panel=_PORTS)] = None,
    inspect_port: Annotated[
        int | None, _flag(help="Where gateways ask each other.", default="a free one", panel=_PORTS)
    ] = None,
    host: Annotated[
        str | None, _flag(help="Address of HTTP and gRPC.", default="127.0.0.1, and ::1", panel=_REACH)
    ] = None,
    join_host: Annotated[str | None, _flag(help="Address of the join port.", default="--host", panel=_REACH)] = None,
    admin_host: Annotated[
        str | None, _flag(help="Address of the admin port.", default="127.0.0.1", panel=_REACH)
    ] = None,
    inspect_host: Annotated[
        str | None, _flag(help="Address of the inspect port.", default="127.0.0.1", panel=_REACH)
    ] = None,
    allow_remote: Annotated[
        bool | None,
        _flag(
            "--allow-remote/--loopback-only",
            help="Whether an address beyond this machine may be bound. Put TLS in front: keys travel in clear.",
            default="loopback only",
            panel=_REACH,
        ),
    ] = None,
    agent_networks: Annotated[
        list[str] | None,
        _flag(
            "--agent-network",
            help="A network or host name that agents may listen in, such as 10.0.0.0/8; repeatable.",
            default="loopback",
            panel=_REACH,
        ),
    ] = None,
    registry: Annotated[
        str | None,
        _flag(
            help="memory:, file:///PATH or consul://HOST:PORT (its token: MESHGATE_CONSUL_TOKEN).",
            default="a file in the home",
            panel=_STATE,
        ),
    ] = None,
    consul_ca: Annotated[
        str | None, _flag(help="CA certificates for consul+https.", default="the system's", panel=_STATE)
    ] = None,
    workers: Annotated[
        int | None, _flag("--workers", "-w", help="Gateway processes that share the ports.", default="1", panel=_STATE)
    ] = None,
    limit: Annotated[
        list[str] | None,
        _flag(
            help="Set a limit, such as --limit deadline=30; repeatable.",
            default="docs/limits.md lists all",
            panel=_STATE,
        ),
    ] = None,
    base_url: Annotated[
        str | None, _flag(help="The URL that clients use, for cards.", default="each request's own", panel=_CARDS)
    ] = None,
    grpc_address: Annotated[
        str | None, _flag(help="HOST:PORT that gRPC clients use, for cards.", default="the gRPC port", panel=_CARDS)
    ] = None,
    card_grpc: Annotated[
        bool | None, _flag("--card-grpc/--no-card-grpc", help="Whether cards list gRPC.", default="yes", panel=_CARDS)
    ] = None,
    public_cards: Annotated[
        bool | None,
        _flag(
            "--public-cards/--no-public-cards",
            help="Whether cards need no key.",
            default="yes on loopback, else no",
            panel=_CARDS,
        ),
    ] = None,
    otlp: Annotated[
        str | None, _flag(help="Send traces there, such as http://127.0.0.1:4317.", default="nowhere", panel=_CARDS)
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings file; else meshgate.toml here or in the home.", show_default=False)
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Run in the background; return when ready.")] = False,
) -> None:
    """Run a mesh: a gateway, the port where agents join, and the admin API.

    Ctrl-C or 'meshgate down' ends it. The first run makes keys and prints them once. Agents and
    clients on this machine find the mesh and development keys by themselves, through run.json in MESHGATE_HOME
    (~/.meshgate).

    Flags win over the environment (MESHGATE_PORT=...), that over meshgate.toml. A port of 0 takes a free one.

    \b
    Examples:
      meshgate up
      meshgate up -d --port 0 --grpc-port 0 --join-port 0 --admin-port 0
      meshgate up --workers 2 --limit deadline=120
      meshgate up --registry consul://127.0.0.1:8500 --otlp http://127.0.0.1:4317
    """
    from meshgate.cli.commands.launch import start

    flags: dict[str, Any] = {
        "port": port,
        "grpc_port": grpc_port,
        "join_port": join_port,
        "admin_port": admin_port,
        "inspect_port": inspect_port,
        "host": host,
        "join_host": join_host,
        "admin_host": admin_host,
        "inspect_host": inspect_host,
        "allow_remote": allow_remote,
        "agent_networks": agent_networks,
        "registry": registry,
        "consul_ca": consul_ca,
        "workers": workers,
        "limits": limits_of(limit or []),
        "base_url": base_url,
        "grpc_address": grpc_address,
        "card_grpc": card_grpc,
        "public_cards": public_cards,
        "otlp": otlp,
    }
    start({key: value for key, value in flags.items() if value is not None}, config, detach=detach)


def limits_of(given: list[str]) -> dict[str, str] | None:
    """``["deadline=30"]`` as settings.

    Raises:
        CliError: no such limit, or no value.
    """
    import difflib

    from meshgate.a2a.limits import Limits

    found: dict[str, str] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in Limits.__struct_fields__:
            near = difflib.get_close_matches(name, Limits.__struct_fields__, 1)
            remedy = f"did you mean {near[0]}?" if near else "docs/limits.md lists them"
            raise CliError(f"there is no limit {name!r}", Exit.USAGE, remedy)
        if not value:
            raise CliError(f"--limit {text!r} has no value", Exit.USAGE, f"write --limit {name}=NUMBER")
        found[name] = value
    return found or None
