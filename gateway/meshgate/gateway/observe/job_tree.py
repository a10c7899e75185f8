"""The view of the whole mesh, merged from what each gateway has seen, for the admin API."""

from __future__ import annotations

import msgspec

from meshgate.gateway.observe.call_record import CallRecord
from meshgate.gateway.observe.views import InstanceView, JobView

__all__ = ["CallNode", "JobTree", "merge_instances", "merge_jobs", "tree"]


class CallNode(msgspec.Struct):
    """A call with the calls that were made in it."""

    call: CallRecord
    children: list[CallNode] = []


class JobTree(msgspec.Struct):
    """A job: its account, and its calls as a tree (several roots if a gateway's records are gone)."""

    job: JobView
    roots: list[CallNode]
    gateways: list[str]
    cost_usd: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    refused: int = 0
    failed: int = 0


def tree(views: list[JobView]) -> JobTree | None:
    """One job, merged from the views of several gateways."""
    if not views:
        return None
    home = next((view for view in views if view.home), views[0])
    calls = sorted((call for view in views for call in view.calls), key=lambda call: call.started)
    nodes = {call.id: CallNode(call) for call in calls}
    result = JobTree(msgspec.structs.replace(home, calls=()), [], sorted({call.gateway for call in calls}))
    for node in nodes.values():
        parent = nodes.get(node.call.parent)
        (parent.children if parent is not None else result.roots).append(node)
        result.refused += node.call.outcome == "refused"
        result.failed += node.call.outcome == "failed"
        if node.call.usage is not None:
            result.cost_usd += node.call.usage.cost_usd
            result.input_tokens += node.call.usage.input_tokens
            result.output_tokens += node.call.usage.output_tokens
    return result


def merge_jobs(views: list[JobView], limit: int) -> list[JobView]:
    """The youngest jobs of all gateways, each as its home sees it."""
    best: dict[str, JobView] = {}
    for view in views:
        if view.id not in best or view.home:
            best[view.id] = view
    return sorted(best.values(), key=lambda view: view.started, reverse=True)[:limit]


def merge_instances(views: dict[str, list[InstanceView]]) -> list[InstanceView]:
    """Every instance once: open calls summed, the worst breaker state and the highest latency of all gateways."""
    found: dict[str, InstanceView] = {}
    rank = {"closed": 0, "half-open": 1, "open": 2}
    for instances in views.values():
        for view in instances:
            seen = found.get(view.id)
            if seen is None:
                found[view.id] = view
                continue
            worst = max(seen, view, key=lambda one: rank.get(one.breaker, 0))
            found[view.id] = msgspec.structs.replace(
                seen,
                breaker=worst.breaker,
                healthy=seen.healthy and view.healthy,
                pending=seen.pending + view.pending,
                latency=max(seen.latency, view.latency),
            )
    return sorted(found.values(), key=lambda view: (view.agent, view.id))
