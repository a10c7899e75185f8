"""``meshgate up``: runs a mesh. Its flags are the table in ``meshgate.cli.launch.flags``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from meshgate.cli.exits import CliError, Exit
from meshgate.cli.launch.flags import with_flags

__all__ = ["limits_of", "up"]


@with_flags
def up(
    *,
    config: Annotated[
        Path | None, typer.Option(help="Settings file; else meshgate.toml here or in the home.", show_default=False)
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Run in the background; return when ready.")] = False,
    **flags: Any,
) -> None:
    """Run a mesh: a gateway, the port where agents join, and the admin API.

    Ctrl-C or 'meshgate down' ends it. The first run makes keys and shows them once: on a terminal, and else in the file
    new-keys.json of the home. Agents and clients on this machine find the mesh and development keys by themselves,
    through run.json in MESHGATE_HOME (~/.meshgate).

    Flags win over the environment (MESHGATE_PORT=...), that over meshgate.toml. A port of 0 takes a free one.

    \b
    Examples:
      meshgate up
      meshgate up -d --port 0 --grpc-port 0 --join-port 0 --admin-port 0
      meshgate up --workers 2 --limit deadline=120
      meshgate up --registry consul://127.0.0.1:8500 --otlp http://127.0.0.1:4317
    """
    from meshgate.cli.launch.launch import start

    settings = {**flags, "limits": limits_of(flags.get("limits") or [])}
    start({name: value for name, value in settings.items() if value is not None}, config, detach=detach)


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
