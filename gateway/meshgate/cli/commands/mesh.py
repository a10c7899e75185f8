"""The commands that look at the mesh and change it, through the admin API."""

from __future__ import annotations

from typing import Annotated

import typer

from meshgate.cli.admin_client import Admin, segment
from meshgate.cli.console import err, out, print_json
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.views.job_tree import job_view
from meshgate.cli.views.model import Agent, Explanation, GatewayStatus, Job, Switch, Tree
from meshgate.cli.views.tables import (
    agents_table,
    explanation_view,
    instances_table,
    jobs_table,
    plural,
    switches_table,
)

__all__ = ["agents", "drain", "explain", "job", "jobs", "kill"]

Json = Annotated[bool, typer.Option("--json", help="Print the admin API's answer as JSON.")]
KINDS = ("agent", "skill", "tenant", "key", "job")


def agents(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Only this agent, instance by instance.")] = "",
    instances: Annotated[bool, typer.Option("--instances", "-i", help="One line an instance.")] = False,
    as_json: Json = False,
) -> None:
    """List the agents that have joined, with their skills and their health.

    \b
    Examples:
      meshgate agents
      meshgate agents summariser
      meshgate agents --json | jq -r '.[].agent'
    """
    with Admin() as admin:
        if as_json and not name:
            print_json(admin.raw("agents"))
            return
        found: tuple[Agent, ...] = admin.get("agents", tuple[Agent, ...])
    if name:
        found = tuple(agent for agent in found if agent.agent == name)
        if not found:
            raise CliError(f"no agent {name!r} has joined", remedy="'meshgate agents' lists those that have")
    if as_json:
        print_json(found)
    elif name or instances:
        out().print(instances_table([one for agent in found for one in agent.instances]))
    else:
        out().print(agents_table(found))


def jobs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many, the youngest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List the youngest jobs.

    A job is everything that descends from one outside call. Records are kept for an hour.

    \b
    Examples:
      meshgate jobs
      meshgate jobs -n 5 --json
    """
    with Admin() as admin:
        if as_json:
            print_json(admin.raw("jobs", limit=limit))
        else:
            out().print(jobs_table(admin.get("jobs", tuple[Job, ...], limit=limit)))


def job(
    job_id: Annotated[str, typer.Argument(metavar="ID|last", help="A job's id, or 'last' for the youngest.")] = "last",
    as_json: Json = False,
) -> None:
    """Show a job as a tree of calls.

    Durations, cost, where each call went, why, and what was refused.

    \b
    Examples:
      meshgate job last
      meshgate job gw1f3a9c02.5d41402abc4b2a76
      meshgate job last --json | jq .cost_usd
    """
    with Admin() as admin:
        if job_id == "last":
            youngest: tuple[Job, ...] = admin.get("jobs", tuple[Job, ...], limit=1)
            if not youngest:
                raise CliError("there are no jobs yet", remedy="'meshgate call AGENT TEXT' makes one")
            job_id = youngest[0].id
        path = f"jobs/{segment(job_id)}"
        if as_json:
            print_json(admin.raw(path))
        else:
            out().print(job_view(admin.get(path, Tree)))


def explain(
    selector: Annotated[str, typer.Argument(help="An agent, or a skill such as 'summarise@^2,region=eu'.")],
    skill: Annotated[str, typer.Option(help="The skill that the message itself asks for.")] = "",
    tenant: Annotated[str, typer.Option(help="As a caller of this tenant.")] = "default",
    allowed_agents: Annotated[
        str, typer.Option("--agents", metavar="PATTERNS", help="As a caller that may use these agents.")
    ] = "*",
    allowed_skills: Annotated[
        str, typer.Option("--skills", metavar="PATTERNS", help="As a caller that may use these skills.")
    ] = "*",
    as_json: Json = False,
) -> None:
    """Say where a selector leads, and why.

    It lists the instances that were dropped, with the reason of each. Nobody is called.

    \b
    Examples:
      meshgate explain summariser
      meshgate explain 'summarise@>=2.1,<3'
      meshgate explain 'summarise@2' --agents 'public-*'
    """
    query = {"selector": selector, "tenant": tenant, "agents": allowed_agents, "skills": allowed_skills}
    if skill:
        query["skill"] = skill
    with Admin() as admin:
        if as_json:
            print_json(admin.raw("explain", **query))
        else:
            out().print(explanation_view(admin.get("explain", Explanation, **query)))


def kill(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="agent, skill, tenant, key or job.")] = "",
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Which one.")] = "",
    reason: Annotated[str, typer.Option(help="Told to callers that are refused.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="Allow it again.")] = False,
) -> None:
    """Switch something off in the whole mesh, or list what is.

    Calls that match are refused with KILLED. Killing a job also ends what runs of it.

    \b
    Examples:
      meshgate kill                                      list the switches
      meshgate kill agent summariser --reason "leaks"    refuse calls to it
      meshgate kill agent summariser --lift              allow them again
      meshgate kill job gw1f3a9c02.5d41402abc4b2a76      stop a job
    """
    if kind and kind not in KINDS:
        raise CliError(f"there is no kill switch for {kind!r}", Exit.USAGE, "KIND is " + ", ".join(KINDS))
    if kind and not name:
        raise CliError(f"say which {kind}", Exit.USAGE, f"meshgate kill {kind} NAME")
    with Admin() as admin:
        if not kind:
            out().print(switches_table(admin.get("switches", tuple[Switch, ...])))
            return
        answer = admin.post("lift" if lift else "kill", {"kind": kind, "name": name, "reason": reason})
    running = f"; {plural(answer.get('ended', 0), 'running call')} ended" if kind == "job" and not lift else ""
    err().print(f"{'lifted' if lift else 'thrown'}: {kind} {name}{running}", markup=False)


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
