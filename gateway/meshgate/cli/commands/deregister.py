"""``meshgate deregister``: takes an instance off the list."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from meshgate.cli.console import err
from meshgate.cli.exits import CliError

__all__ = ["deregister"]


def deregister(
    instance: Annotated[str, typer.Argument(help="The instance's id, as 'meshgate agents -i' shows it.")],
) -> None:
    """Take an instance off the list.

    An SDK agent that still runs registers again; a foreign one stays gone.

    \b
    Examples:
      meshgate deregister translator-5d41402abc4b
    """
    from meshgate.registry.errors import UnknownLease

    try:
        asyncio.run(_deregister(instance))
    except UnknownLease:
        remedy = "'meshgate agents --instances' lists those that are"
        raise CliError(f"no instance {instance!r} is registered", remedy=remedy) from None
    err().print(f"deregistered {instance}", markup=False)


async def _deregister(instance: str) -> None:
    from meshgate.sdk.client.discovery import find_join
    from meshgate.sdk.client.sender import make_client
    from meshgate.sdk.server.membership import JoinClient

    access = find_join()
    async with make_client() as client:
        await JoinClient(access, client).deregister(instance)
