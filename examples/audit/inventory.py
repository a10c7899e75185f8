"""The agent that knows what is installed."""

from __future__ import annotations

import asyncio

from examples.audit.checks import Inventory, NoEnvironment, find_place, take_inventory
from examples.audit.checks.forms import Wanted
from meshgate.sdk import Agent, Reject

agent = Agent("inventory", version="1.0.0", description="Lists what is installed in a Python environment.")


@agent.skill(tags=["python"], default=True)
async def inventory(wanted: Wanted) -> Inventory:
    """List the distributions of an environment: a virtual environment's folder, or a site-packages folder."""
    try:
        place = find_place(wanted.env)
    except NoEnvironment as error:
        raise Reject(str(error)) from None
    return await asyncio.to_thread(take_inventory, place)


if __name__ == "__main__":
    agent.run()
