"""``meshgate kill``: throws, lifts and lists kill switches."""

from __future__ import annotations

from typing import Annotated

import typer

from meshgate.cli.admin_client import Admin
from meshgate.cli.console import err, out
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.views.model import Switch
from meshgate.cli.views.tables import plural, switches_table

__all__ = ["kill"]

KINDS = ("agent", "skill", "tenant", "key", "job")


def kill(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="agent, skill, tenant, key or job.")] = "",
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Which one.")] = "",
    reason: Annotated[str, typer.Option(help="Told to callers that are refused.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="Allow it again.")] = False,
) -> None:
    """Switch something off in the whole mesh, or list what is.

    Calls that match are refused with KILLED. Killing a job also ends what runs of it.

    \b
    Examples:
      meshgate kill                                      list the switches
      meshgate kill agent summariser --reason "leaks"    refuse calls to it
      meshgate kill agent summariser --lift              allow them again
      meshgate kill job gw1f3a9c02.5d41402abc4b2a76      stop a job
    """
    if kind and kind not in KINDS:
        raise CliError(f"there is no kill switch for {kind!r}", Exit.USAGE, "KIND is " + ", ".join(KINDS))
    if kind and not name:
        raise CliError(f"say which {kind}", Exit.USAGE, f"meshgate kill {kind} NAME")
    with Admin() as admin:
        if not kind:
            out().print(switches_table(admin.get("switches", tuple[Switch, ...])))
            return
        answer = admin.post("lift" if lift else "kill", {"kind": kind, "name": name, "reason": reason})
    running = f"; {plural(answer.get('ended', 0), 'running call')} ended" if kind == "job" and not lift else ""
    err().print(f"{'lifted' if lift else 'thrown'}: {kind} {name}{running}", markup=False)
