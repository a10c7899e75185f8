"""``meshgate kill``: throws, lifts and lists kill switches."""

from __future__ import annotations

from typing import Annotated

import typer

from meshgate.a2a.mesh.tenants import DEFAULT_TENANT, in_tenant
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
    reason: Annotated[str, typer.Option(help="Told to callers that are refused or ended.")] = "",
    tenant: Annotated[str, typer.Option(help="Whose agent, skill or key it is.")] = DEFAULT_TENANT,
    lift: Annotated[bool, typer.Option("--lift", help="Allow it again.")] = False,
    let_finish: Annotated[
        bool, typer.Option("--let-finish", help="Let calls that are open end by themselves.")
    ] = False,
    ahead: Annotated[bool, typer.Option("--ahead", help="Also if nobody has that name yet.")] = False,
) -> None:
    """Switch something off in the whole mesh, or list what is.

    Calls that match are refused with KILLED, and those that are open are ended. Agents, skills and keys are those of
    one tenant: "default", if you name none. A name that nobody has is an error (exit 1), unless you say --ahead.

    \b
    Examples:
      meshgate kill                                      list the switches
      meshgate kill agent summariser --reason "leaks"    stop it: no calls, and none goes on
      meshgate kill agent summariser --let-finish        no new calls
      meshgate kill agent summariser --lift              allow them again
      meshgate kill agent summariser --tenant acme       that of the tenant acme
      meshgate kill tenant acme                          refuse all calls of a tenant
      meshgate kill job gw1f3a9c02.5d41402abc4b2a76      stop a job
    """
    if kind and kind not in KINDS:
        raise CliError(f"there is no kill switch for {kind!r}", Exit.USAGE, "KIND is " + ", ".join(KINDS))
    if kind and not name:
        raise CliError(f"say which {kind}", Exit.USAGE, f"meshgate kill {kind} NAME")
    if kind == "job" and let_finish:
        raise CliError("a job is ended at once", Exit.USAGE, "leave --let-finish out")
    if kind in ("agent", "skill", "key"):
        name = in_tenant(tenant, name)
    with Admin() as admin:
        if not kind:
            out().print(switches_table(admin.get("switches", tuple[Switch, ...])))
            return
        if lift:
            admin.post("lift", {"kind": kind, "name": name})
            err().print(f"lifted: {kind} {name}", markup=False)
            return
        said = {"kind": kind, "name": name, "reason": reason, "ahead": ahead, "let_finish": let_finish}
        ended = admin.post("kill", said).get("ended", 0)
    running = f"; {plural(ended, 'running call')} ended" if not let_finish else ""
    err().print(f"thrown: {kind} {name}{running}", markup=False)
