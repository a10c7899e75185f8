"""``meshgate deregister``: takes an instance off the list."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from meshgate.cli.console import err
from meshgate.cli.exits import CliError

__all__ = ["deregister"]


def deregister(
    instance: Annotated[
        str,
        typer.Argument(help="The instance's id, as 'meshgate agents -i' shows it, or the name of an agent with one."),
    ],
) -> None:
    """Take an instance off the list.

    An SDK agent that still runs registers again; a foreign one stays gone.

    \b
    Examples:
      meshgate deregister translator
      meshgate deregister translator-5d41402abc4b
    """
    from meshgate.registry.errors import UnknownLease

    try:
        asyncio.run(_deregister(instance))
    except UnknownLease:
        instance = _only_instance(instance)
        asyncio.run(_deregister(instance))
    err().print(f"deregistered {instance}", markup=False)


def _only_instance(agent: str) -> str:
    """The one instance of an agent.

    Raises:
        CliError: there is none, or there are several.
    """
    from meshgate.cli.admin_client import Admin
    from meshgate.cli.views.model import Agent

    unknown = CliError(
        f"no instance {agent!r} is registered", remedy="'meshgate agents --instances' lists those that are"
    )
    try:
        with Admin() as admin:
            agents: tuple[Agent, ...] = admin.get("agents", tuple[Agent, ...])
    except CliError:
        raise unknown from None  # who lists agents need not be an operator
    found = [one.id for each in agents if each.agent == agent for one in each.instances]
    if len(found) > 1:
        raise CliError(f"the agent {agent!r} has {len(found)} instances", remedy="say which: " + ", ".join(found[:5]))
    if not found:
        raise unknown
    return found[0]


async def _deregister(instance: str) -> None:
    from meshgate.sdk.client.discovery import find_join
    from meshgate.sdk.client.sender import make_client
    from meshgate.sdk.server.membership import JoinClient

    access = find_join()
    async with make_client() as client:
        await JoinClient(access, client).deregister(instance)
