"""``meshgate drain``: takes gateways out of the balancers, and puts them back."""

from __future__ import annotations

from typing import Annotated

import typer

from meshgate.cli.admin_client import Admin
from meshgate.cli.console import err
from meshgate.cli.exits import CliError
from meshgate.cli.views.model import GatewayStatus

__all__ = ["drain"]


def drain(
    gateway: Annotated[str, typer.Option(help="Only this gateway, by its id; else all.")] = "",
    off: Annotated[bool, typer.Option("--off", help="Take calls again.")] = False,
) -> None:
    """Let gateways report themselves as not ready, so that balancers leave them.

    Calls that still come are served. To stop a mesh, use 'meshgate down'.

    \b
    Examples:
      meshgate drain
      meshgate drain --gateway gw1f3a9c02
      meshgate drain --off
    """
    with Admin() as admin:
        answer = admin.post("drain", {"gateway": gateway, "on": not off})
        if not answer.get("gateways"):
            live: tuple[GatewayStatus, ...] = admin.get("gateways", tuple[GatewayStatus, ...])
            known = ", ".join(one.gateway for one in live)
            raise CliError(f"no gateway {gateway!r} answers", remedy=f"those that do: {known or 'none'}")
    err().print(f"{answer.get('state', '')}: {', '.join(answer['gateways'])}", markup=False)
