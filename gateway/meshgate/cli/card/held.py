"""``meshgate card diff`` and ``accept``: changed cards of foreign agents that wait for an operator."""

from __future__ import annotations

from typing import Annotated

import typer

from meshgate.a2a.mesh.tenants import DEFAULT_TENANT
from meshgate.cli.admin_client import Admin
from meshgate.cli.commands.options import Json
from meshgate.cli.console import err, out, plain, print_json
from meshgate.cli.exits import CliError
from meshgate.cli.views.model import HeldCard

__all__ = ["accept", "diff"]

_Tenant = Annotated[str, typer.Option(help="Whose agent it is.")]


def diff(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Only this agent.")] = "",
    tenant: _Tenant = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Show the changed cards of foreign agents that are not used yet: why they wait, and what changed.

    \b
    Examples:
      meshgate card diff
      meshgate card diff maps
    """
    with Admin() as admin:
        found: tuple[HeldCard, ...] = admin.get("cards/held", tuple[HeldCard, ...])
    found = tuple(one for one in found if not name or (one.agent, one.tenant) == (name, tenant))
    if name and not found:
        raise CliError(f"no card of {name!r} waits", remedy="'meshgate card diff' shows those that do")
    if as_json:
        print_json(found)
        return
    if not found:
        err().print("no card waits", markup=False)
    for one in found:
        lines = [f"{one.named} ({one.instance})", f"  card {one.candidate}"]
        lines += [f"  waits: {plain(reason)}" for reason in one.reasons]
        lines += [f"  {plain(change)}" for change in one.changes]
        out().print("\n".join(lines), markup=False, soft_wrap=True)


def accept(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The agent.")],
    card: Annotated[str, typer.Option(metavar="HASH", help="Only this card, by the hash that 'diff' shows.")] = "",
    tenant: _Tenant = DEFAULT_TENANT,
) -> None:
    """Use the changed card of a foreign agent.

    \b
    Examples:
      meshgate card accept maps
      meshgate card accept maps --card 042b10f83cbab795a696e463ec0da7bb1e601efecb9fc92d8457319524427c82
    """
    with Admin() as admin:
        request = {"agent": name, "tenant": tenant, "candidate": card}
        done: tuple[HeldCard, ...] = admin.post("cards/accept", request, tuple[HeldCard, ...])
    for one in done:
        err().print(f"accepted: {one.named} ({one.instance})", markup=False)
