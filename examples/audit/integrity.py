"""The agent that looks whether an environment is as it was installed. Two instances of it share the work."""

from __future__ import annotations

import asyncio
import os

from examples.audit.checks import Batch, Place, check_commands, check_startup, verify
from examples.audit.checks.forms import Integrity, Surroundings
from examples.audit.checks.places import checked_folder
from meshgate.sdk import Agent, Reject

agent = Agent(
    "integrity",
    version="1.0.0",
    description="Verifies an installed Python environment.",
    instance=os.environ.get(
        "AUDIT_INSTANCE", ""
    ),  # run.py gives the two instances names, to know later which one it killed
)


@agent.skill(tags=["python"], default=True)
async def integrity(batch: Batch) -> dict[str, Integrity]:
    """Compare each distribution's files with the hashes in its RECORD, and count its native libraries."""
    # In a thread, so that the agent still answers when the gateway asks whether it is well.
    return await asyncio.to_thread(_verify, batch)


@agent.skill(tags=["python"])
async def startup(place: Place) -> Surroundings:
    """Find ``.pth`` files with code in them: it runs whenever the environment's Python starts."""
    return await asyncio.to_thread(check_startup, place)


@agent.skill(tags=["python"])
async def commands(place: Place) -> Surroundings:
    """Find installed commands that hide one of the system, or that two distributions install."""
    return await asyncio.to_thread(check_commands, place, os.environ.get("PATH", os.defpath))


def _verify(batch: Batch) -> dict[str, Integrity]:
    try:
        return {folder: verify(checked_folder(folder, batch.place), batch.place) for folder in batch.folders}
    except ValueError as error:
        raise Reject(str(error)) from None


if __name__ == "__main__":
    agent.run()
