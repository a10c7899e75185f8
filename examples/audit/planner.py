"""The agent that audits. It calls the others by capability, and does not know who or where they are."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from examples.audit.checks import markdown
from examples.audit.checks.forms import Wanted
from examples.audit.conduct import Again, Conductor, Rejected
from meshgate.a2a.errors import OutcomeUnknown, UpstreamUnavailable
from meshgate.sdk import Agent, Context, Fail

agent = Agent("planner", version="1.0.0", description="Audits a Python environment.")


@agent.skill(tags=["python"], default=True)
async def audit(wanted: Wanted, ctx: Context) -> str:
    """Audit an environment: licences, changed files, code that runs at start, commands in each other's way.

    The artifacts are ``report.md`` for people and ``report.json`` for programs.
    """

    async def ask(selector: str, said: BaseModel) -> Any:
        try:
            return (await ctx.call(selector, data=said)).data
        except (OutcomeUnknown, UpstreamUnavailable) as error:
            # It is unknown whether the instance worked on it. These questions change nothing, so they can be repeated.
            raise Again(error.code) from error

    async def tell(step: str, how: str, fraction: float) -> None:
        await ctx.progress(f"{step}: {how}", fraction)

    conductor = Conductor(ask, tell)
    try:
        report = await conductor.audit(wanted.env)
    except Rejected as error:
        raise Fail(f"the critic rejected the report twice: {error}") from None
    except Again as error:
        raise Fail(f"an agent did not answer, however often it was asked: {error}") from None
    ctx.usage(tool_calls=conductor.asked)
    await ctx.artifact("report.md", markdown(report), media_type="text/markdown")
    await ctx.artifact("report.json", report)
    found = sum(report.totals.findings.values())
    return f"{report.totals.distributions} distributions, {found} findings"


if __name__ == "__main__":
    agent.run()
