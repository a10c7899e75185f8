"""The agent that checks a report by counting again itself."""

from __future__ import annotations

import asyncio

from examples.audit.checks import Report, Verdict, recount
from meshgate.sdk import Agent

agent = Agent("critic", version="1.0.0", description="Recounts an audit's report.")


@agent.skill(tags=["python"], default=True)
async def critic(report: Report) -> Verdict:
    """Add a report up again, count the environment by other means, and say whether both agree."""
    return await asyncio.to_thread(recount, report)


if __name__ == "__main__":
    agent.run()
