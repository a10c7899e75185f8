"""The checks of the mesh, through the admin API: gateways, agents and instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshgate.cli.admin_client import Admin
from meshgate.cli.doctor.findings import Finding
from meshgate.cli.exits import CliError
from meshgate.cli.views.model import Agent, GatewayStatus, HeldCard, RefusedAgent
from meshgate.cli.views.tables import plural

__all__ = []

_STALE = 5.0
_SKEW = 2.0
"""A difference of two gateways' clocks, in seconds, that is more than the time their answers took."""


_BAD = {"unhealthy": "it does not answer", "open": "its calls failed, so it gets none for a while (breaker open)"}


def check_mesh(environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        with Admin(environ) as admin:
            gateways: tuple[GatewayStatus, ...] = admin.get("gateways", tuple[GatewayStatus, ...])
            agents: tuple[Agent, ...] = admin.get("agents", tuple[Agent, ...])
            refused: tuple[RefusedAgent, ...] = admin.get("refused-agents", tuple[RefusedAgent, ...])
            held: tuple[HeldCard, ...] = admin.find("cards/held", tuple[HeldCard, ...], ())
    except CliError as error:
        yield Finding("admin port", "fail", error.message, error.remedy)
        return
    yield Finding("admin port", "ok", f"{admin.url} takes the key")
    for one in gateways:
        yield _status(one)
    yield from compare_clocks(gateways)
    yield from _agents(agents)
    for each in refused:
        remedy = "the gateway tries again from time to time; 'meshgate register --card URL' tries at once"
        yield Finding(f"agent {each.what}", "fail" if each.settings else "warn", each.reason, remedy)

    for card in held:
        detail = f"its card changed, and the one before is used: {'; '.join(card.reasons)}"
        yield Finding(f"agent {card.named}", "warn", detail, f"{card.remedy}; 'meshgate card accept' takes the new one")


def _status(one: GatewayStatus) -> Finding:
    name = f"gateway {one.gateway}"
    if one.registry_stale > _STALE:
        detail = f"its registry has not answered for {one.registry_stale:.0f} s; it serves what it last knew"
        return Finding(name, "fail", detail, "is the registry running? the gateway's log has its error")
    if one.draining:
        return Finding(name, "warn", "it is draining", "meshgate drain --off")
    if one.ready:
        return Finding(name, "fail", f"not ready: {one.ready}", "its log says more")
    counts = f"{plural(one.instances, 'instance')}, {plural(one.open_calls, 'open call')}"
    age = "up to date" if one.registry_stale < 1.0 else f"last heard of {one.registry_stale:.0f} s ago"
    return Finding(name, "ok", f"{counts}, registry {age}")


def compare_clocks(gateways: tuple[GatewayStatus, ...]) -> Iterator[Finding]:
    """Whether the clocks of several gateways agree."""
    if len(gateways) < 2:
        return
    first, last = min(gateways, key=lambda one: one.clock), max(gateways, key=lambda one: one.clock)
    skew = last.clock - first.clock
    if skew > _SKEW:
        detail = f"gateway {first.gateway} is {skew:.0f} s behind gateway {last.gateway}"
        remedy = (
            "let all follow NTP: beyond limits.clock_skew a gateway refuses the calls of agents that another called"
        )
        yield Finding("clocks", "warn", detail, remedy)
    else:
        yield Finding("clocks", "ok", "the gateways agree")


def _agents(agents: tuple[Agent, ...]) -> Iterator[Finding]:
    if not agents:
        yield Finding("agents", "note", "none has joined", "agent.run() in Python, or meshgate register --card URL")
    for agent in agents:
        states = {one.id: one.state for one in agent.instances}
        bad = [f"{name}: {_BAD[state]}" for name, state in states.items() if state in _BAD]
        name = f"agent {agent.agent}"
        ready = sum(state == "ready" for state in states.values())
        detail = f"{ready} of {plural(len(states), 'instance')} ready"
        if bad:
            remedy = "look at its log; 'meshgate jobs' and 'meshgate job ID' show how its calls ended"
            yield Finding(name, "fail" if not ready else "warn", "; ".join([detail, *bad]), remedy)
        else:
            yield Finding(name, "ok", detail)
