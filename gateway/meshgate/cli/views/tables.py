"""The tables of agents, jobs, explanations and kill switches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from meshgate.cli.console import plain
from meshgate.cli.views.model import Agent, Explanation, InstanceView, Job, Switch

__all__ = [
    "agents_table",
    "explanation_view",
    "grid",
    "instances_table",
    "jobs_table",
    "plural",
    "seconds",
    "switches_table",
]

_STATES = {"ready": "green", "half-open": "yellow", "draining": "yellow", "open": "red", "unhealthy": "red"}


def seconds(value: float | None) -> str:
    """A duration at the precision that people read."""
    if value is None:
        return "…"
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def plural(count: int, noun: str) -> str:
    """``1 call``, ``2 calls``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def grid(*columns: str) -> Table:
    """An empty table in the common style. A name that begins with ``>`` makes a column of numbers, one that begins with
    ``#`` a column of ids, which are never wrapped.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        right = column.startswith(">")
        name, ids = column.lstrip(">#"), column.startswith("#")
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=ids)
    return table


def _text(value: str, style: str = "") -> Text:
    return Text(plain(value), style)


def _state(value: str, text: str = "") -> Text:
    return _text(text or value, _STATES.get(value, ""))


def _instances(agent: Agent) -> Text:
    states = [one.state for one in agent.instances]
    others = sorted({state for state in states if state != "ready"})
    counts = ", ".join(f"{states.count(state)} {state}" for state in ["ready", *others])
    found = _state(others[-1] if others else "ready", counts)
    return found.append(", foreign", "dim default") if agent.foreign else found


def _skills(agent: Agent) -> list[str]:
    """The skills; without the version if the agent has only one."""
    own = f"@{agent.versions[0]}" if len(agent.versions) == 1 else "@"
    return [skill.removesuffix(own) for skill in agent.skills]


def agents_table(agents: Sequence[Agent]) -> RenderableType:
    """One line for each agent."""
    if not agents:
        return Text("No agent has joined. Start one: 'meshgate register --card URL', or agent.run() in Python.")
    tenants = len({agent.tenant for agent in agents}) > 1
    table = grid("agent", "version", "skills", "instances", ">open", ">latency", *(["tenant"] if tenants else []))
    for agent in agents:
        worst = max((one.latency for one in agent.instances), default=0.0)
        table.add_row(
            _text(agent.agent, "bold"),
            _text(", ".join(agent.versions)),
            _text(", ".join(_skills(agent))),
            _instances(agent),
            str(sum(one.pending for one in agent.instances)),
            seconds(worst) if worst else "-",
            *([_text(agent.tenant)] if tenants else []),
        )
    return table


def instances_table(instances: Sequence[InstanceView]) -> RenderableType:
    """One block for each instance: its state, and its endpoints."""
    if not instances:
        return Text("No such agent has joined.")
    table = grid("#instance", "version", "state", ">open", ">latency", "endpoints and labels")
    for one in instances:
        labels = [f"{key}={value}" for key, value in sorted(one.labels.items())]
        table.add_row(
            _text(one.id, "bold"),
            _text(one.version),
            _state(one.state),
            str(one.pending),
            seconds(one.latency) if one.latency else "-",
            _text("\n".join([*one.endpoints, *([", ".join(labels)] if labels else [])])),
        )
    return table


def jobs_table(jobs: Sequence[Job], zone: tzinfo | None = None, since: float = 0.0) -> RenderableType:
    """One line for each job, the youngest first, and since when there are records. Open calls have a column if any are.

    Args:
        since: since when all gateways keep records, in seconds since the epoch; 0 if that is not known.
        zone: the time zone to show times in; the machine's own if None.
    """
    told = f"Records go back to {datetime.fromtimestamp(since, zone):%H:%M:%S}." if since else ""
    if not jobs:
        return Text(f"No jobs yet. {told}".rstrip())
    is_open = any(job.open for job in jobs)
    columns = ["#job", "asked for", "#ended", "#started", ">calls"] + [">open"] * is_open + ["caller"]
    table = grid(*columns)
    for job in jobs:
        started = datetime.fromtimestamp(job.started, zone).strftime("%H:%M:%S")
        table.add_row(
            _text(job.id, "bold"),
            _text(job.selector),
            _text(job.outcome),
            started,
            f"{job.used}/{job.call_limit}",
            *([str(job.open)] if is_open else []),
            _text(job.principal),
        )
    return Group(table, Text(), Text(told, "dim")) if told else table


_NOWHERE = {
    "NO_ROUTE": "leads nowhere: NO_ROUTE",
    "KILLED": "is switched off: KILLED",
    "UPSTREAM_UNAVAILABLE": "no instance takes calls now: UPSTREAM_UNAVAILABLE",
}
_COLOURS = {"taken": "green", "stands by": "yellow"}


def explanation_view(found: Explanation) -> RenderableType:
    """Where a selector leads, and why each instance takes calls of it or does not."""
    head = Text.assemble((plain(found.selector), "bold"))
    if found.skill == "*":
        head.append(" (the agent decides which of its skills is meant)", "dim")
    elif found.skill and found.skill not in found.selector:
        head.append(plain(f" (skill {found.skill})"), "dim")
    lines: list[RenderableType] = [head]
    if found.outcome:
        lines.append(Text("  " + _NOWHERE.get(found.outcome, plain(found.outcome)), "red"))
    for index, group in enumerate(found.groups, 1):
        what = Text(f"  {index}. ")
        what.append(plain(f"{group.agent}: {group.skill}@{group.version}"), "bold" if index == 1 else "")
        what.append(f", {plural(len(group.entries), 'instance')}", "dim")
        lines.append(what)
    if found.choice:
        lines.append(Text(plain(f"  calls go to {found.choice}"), "dim"))
    if not found.verdicts:
        lines.append(Text("  no instance has that name or skill: 'meshgate agents' lists what is there", "dim"))
        return Group(*lines)
    table = grid("#instance", "skill", "verdict", "why")
    for verdict in found.verdicts:
        table.add_row(
            _text(verdict.instance),
            _text(f"{verdict.skill}@{verdict.version}"),
            Text(verdict.reason, _COLOURS[verdict.reason]) if verdict.reason in _COLOURS else Text("not taken", "red"),
            _text(verdict.detail or ("" if verdict.reason == "taken" else verdict.reason)),
        )
    return Group(*lines, Text(), table)


def switches_table(switches: Sequence[Switch]) -> RenderableType:
    """The kill switches that are thrown."""
    if not switches:
        return Text("No kill switch is thrown.")
    table = grid("kind", "name", "reason")
    for one in switches:
        table.add_row(_text(one.kind), _text(one.name, "bold"), _text(one.reason))
    return table
