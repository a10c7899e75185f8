"""The views of ``meshgate up``: its new keys, its addresses, and a first call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from meshgate.registry.extras import REMEDY, lacking
from meshgate.registry.home import Run

__all__ = ["curl_line", "key_file_view", "keys_view", "up_view"]

_USES = {"client": "calls agents", "join": "registers agents", "admin": "opens the admin API"}


def _rows() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_column(style="dim", overflow="fold")
    return table


def keys_view(made: Mapping[str, str]) -> RenderableType:
    """New keys, for the reader to keep. Print it without wrapping, so that a key can be copied in one piece."""
    lines = Text("Keys of this mesh. They are shown this once; only their hashes are kept.\n", "bold yellow")
    for kind, key in made.items():
        lines.append(f"  {kind:<8}", "bold default")
        lines.append(key + "\n", "not bold default")
    uses = ", ".join(f"{kind} {_USES[kind]}" for kind in made if kind in _USES)
    return lines.append(f"  {uses}\n", "dim not bold default")


def key_file_view(path: Path) -> RenderableType:
    """The line that names the file of new keys, for output that is no terminal."""
    return Text(
        f"The keys of this mesh are in {path}, which its owner alone can read. Keep them elsewhere and delete the "
        "file: the mesh keeps only their hashes."
    )


def curl_line(run: Run, agent: str = "hello", *, shown: bool = True) -> str:
    """A first call for a shell. On loopback it holds the development key of this run, if keys may be shown."""
    key = (run.client_key if shown else "") or "$MESHGATE_KEY"
    message = '{"messageId":"1","role":"ROLE_USER","parts":[{"text":"Hello"}]}'
    body = f'{{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{{"message":{message}}}}}'
    return (
        f"curl -s {run.gateway}/agents/{agent} \\\n"
        f'    -H "Authorization: Bearer {key}" -H "A2A-Version: 1.0" \\\n'
        f"    -H 'Content-Type: application/json' \\\n"
        f"    -d '{body}'"
    )


def up_view(
    run: Run, home: Path, *, detached: bool, workers: int = 1, log: Path | None = None, shown: bool = True
) -> RenderableType:
    """The addresses of a mesh that has just started, and how to call it.

    Args:
        shown: whether keys may be shown: on a terminal, and not in a log.
    """
    table = _rows()
    table.add_row("  HTTP", run.gateway, "/agents/NAME, /skills/NAME@RANGE")
    if run.grpc:
        table.add_row("  gRPC", run.grpc, "metadata meshgate-target: NAME")
    table.add_row("  join", run.join, "agents register here")
    table.add_row("  admin", run.admin, "/docs, /metrics")
    table.add_row("  home", str(home), "run.json leads agents and clients here")
    if log is not None:
        table.add_row("  log", str(log), "")
    head = Text.assemble(("Meshgate is up", "bold green"), f", process {run.pid}")
    if workers > 1:
        head.append(f" with {workers} workers")
    first = Text("A first call, once an agent has joined (here one named hello):\n")
    first.append('  meshgate call hello "Hello"\n', "cyan")
    first.append("  " + curl_line(run, shown=shown), "cyan")
    if run.client_key and not shown:
        first.append(f"\n  MESHGATE_KEY is client_key in {home / 'run.json'}", "dim")
    end = Text("'meshgate down' stops it." if detached else "Ctrl-C stops it, or 'meshgate down'.", "dim")
    missing = lacking()
    without = [Text(f"  without {', '.join(missing)}: {REMEDY} adds them", "yellow")] if missing else []
    return Group(head, table, *without, first, end)
