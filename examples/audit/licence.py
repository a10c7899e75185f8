"""The agent that knows licences."""

from __future__ import annotations

import asyncio

from examples.audit.checks import Batch, Licence, classify_text, licence_of
from examples.audit.checks.places import checked_folder
from meshgate.sdk import Agent, Reject

agent = Agent("licence", version="1.0.0", description="Tells what kind of licence a Python distribution has.")


@agent.skill(tags=["python"], default=True)
async def licence(batch: Batch) -> dict[str, Licence]:
    """Classify the licence of each distribution: permissive, weak, copyleft, proprietary, unknown or missing."""
    return await asyncio.to_thread(_classify, batch)


@agent.skill(tags=["text"])
async def classify(text: str) -> str:
    """Classify an SPDX expression, a licence's name, or the text of one, such as ``MIT OR GPL-3.0-only``."""
    return classify_text(text)


def _classify(batch: Batch) -> dict[str, Licence]:
    try:
        return {folder: licence_of(checked_folder(folder, batch.place)) for folder in batch.folders}
    except ValueError as error:
        raise Reject(str(error)) from None


if __name__ == "__main__":
    agent.run()
