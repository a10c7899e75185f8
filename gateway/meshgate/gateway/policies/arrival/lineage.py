"""The lineage of a call: its parent, from a token or inferred from the calls that the calling agent got."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import DepthExceeded, InvalidParams, LoopDetected, UpstreamDeadline
from meshgate.a2a.limits import Limits
from meshgate.a2a.mesh import headers
from meshgate.a2a.mesh.lineage import Lineage
from meshgate.a2a.mesh.lineage_tokens import verify
from meshgate.a2a.mesh.tenants import in_tenant
from meshgate.a2a.reply import Reply
from meshgate.gateway.facts import Flight, Parents
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.jobs.accounts import Accounts
from meshgate.gateway.jobs.parents import PossibleParents
from meshgate.gateway.jobs.rates import Rates
from meshgate.gateway.observe.metrics import Metrics
from meshgate.telemetry.traceparent import parse_traceparent

__all__ = ["Lineages", "read_budget"]

_OF_A_ROOT = Parents(((),))
_OPEN, _AFTER = "open", "after"


class Lineages:
    """Assigns the call to its parent's job, and opens a job for a call from outside.

    Operations on tasks belong to no job and spend nothing.

    Args:
        parents: the possible parents of a call without a token.
        roots: the rate at which an agent may make calls that no token and no call in flight explains.
        wall: seconds since the epoch, for the age of tokens.
    """

    name = "lineage"

    def __init__(
        self,
        accounts: Accounts,
        parents: PossibleParents,
        roots: Rates,
        mesh: MeshKey,
        metrics: Metrics,
        limits: Limits,
        wall: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._parents = parents
        self._roots = roots
        self._keys = {mesh.id: mesh.secret}
        self._metrics = metrics
        self._limits = limits
        self._wall = wall

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        if call.method.on_task:
            return await forward(call)
        agent = call.principal.actors[-1] if call.principal.kind == "agent" else ""
        lineage, parents = self._from_token(call, agent)
        if lineage is None and agent:
            lineage, parents = await self._infer(call, agent)
            if lineage is None or lineage.inferred == _AFTER:
                self._roots.take(call.principal, "")
        if lineage is None:
            lineage = await self._root(call)
        else:
            await self._accounts.adopt(lineage.job, lineage.remaining)
        facts = {**call.facts, Parents: parents or _OF_A_ROOT}
        try:
            return await forward(msgspec.structs.replace(call, lineage=lineage, facts=facts))
        except (LoopDetected, DepthExceeded) as error:
            if "price" in error.metadata:
                raise
            raise await self._priced(error, lineage.job) from None

    async def _priced(self, error: LoopDetected | DepthExceeded, job: str) -> LoopDetected | DepthExceeded:
        price = await self._accounts.price(job)
        price = price or "not known, because the job's home gateway does not answer"
        return type(error)(f"{error.message}; {price}", metadata={**error.metadata, "price": price})

    def _from_token(self, call: Call, agent: str) -> tuple[Lineage | None, Parents | None]:
        token = call.headers.get(headers.LINEAGE)
        if token is None:
            return None, None
        lineage = verify(token, self._keys, in_tenant(call.principal.tenant, agent)) if agent else None
        if lineage is None:
            self._metrics.lineage_invalid()
            return None, None
        parent = self._parents.get(lineage.parent)
        # Where the parent is not known only the token's own clock says how much of its time is over.
        left = lineage.minted + lineage.remaining + self._limits.clock_skew - self._wall()
        remaining = min(lineage.remaining, left)
        if remaining <= 0 or (parent is not None and parent.remaining <= 0):
            raise UpstreamDeadline("the parent of this call has run out of time")
        return msgspec.structs.replace(lineage, remaining=remaining), Parents((lineage.path,), parent)

    async def _infer(self, call: Call, agent: str) -> tuple[Lineage | None, Parents | None]:
        # An agent with its own instrumentation sends its own span id, but keeps the trace.
        trace = parse_traceparent(call.headers.get(headers.TRACEPARENT, ""))
        flights = await self._parents.find(agent, call.principal.tenant, trace.trace_id if trace is not None else "")
        if not flights:
            self._metrics.lineage_unknown()
            return None, None
        paths = tuple(flight.path for flight in flights)
        if flights[-1].answered is not None:
            self._metrics.lineage_after(agent)
            return _after(flights[-1], agent), Parents(paths, flights[-1])
        return _during(flights, agent), Parents(paths, flights[-1])

    async def _root(self, call: Call) -> Lineage:
        calls, seconds = read_budget(call.headers.get(headers.BUDGET, ""), self._limits)
        job = await self._accounts.open(calls=calls, seconds=seconds, concurrency=self._limits.job_concurrency)
        return Lineage(job, "", (), seconds)


def _during(flights: list[Flight], agent: str) -> Lineage:
    """The lineage of a call that one of ``flights`` led to while it was open: the longest path counts."""
    parent = flights[-1]
    longest = max((flight.path for flight in flights), key=len)
    path = parent.path if len(parent.path) == len(longest) else longest
    links = tuple(flight.id for flight in flights[:-1])
    return Lineage(parent.job, parent.id, path, parent.remaining, agent, inferred=_OPEN, links=links)


def _after(parent: Flight, agent: str) -> Lineage:
    """The lineage of a call that an agent made after its answer to ``parent``."""
    return Lineage(parent.job, parent.id, parent.path, parent.remaining, agent, inferred=_AFTER)


def read_budget(text: str, limits: Limits) -> tuple[int, float]:
    """The calls and seconds in the header ``meshgate-budget``, never above the limits.

    Raises:
        InvalidParams: it cannot be read.
    """
    calls, seconds = limits.job_calls, limits.job_seconds
    if not text:
        return calls, seconds
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, _, value = part.partition("=")
        try:
            if key == "calls":
                calls = min(calls, int(value))
            elif key == "seconds" and not math.isnan(asked := float(value)):
                seconds = min(seconds, asked)
            else:
                raise ValueError(key)
        except ValueError:
            raise InvalidParams(f"{headers.BUDGET}: {part[:40]!r} is neither calls=N nor seconds=N") from None
    if calls < 1 or not seconds > 0:
        raise InvalidParams(f"{headers.BUDGET}: a budget is at least one call and some time")
    return calls, seconds
