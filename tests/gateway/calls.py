"""What a test of one part of the path needs: calls, a clock moved by hand, instances, and what lies behind a policy."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from meshgate.a2a.call import Call, Principal, Route
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.reply import Reply
from meshgate.gateway.upstream.attempt import Attempt, Chosen
from meshgate.gateway.upstream.breaker import Breaker
from meshgate.gateway.upstream.instance import Instance
from meshgate.registry import model

__all__ = [
    "ANN",
    "ECHO",
    "NEXT_TO_NONE",
    "Behind",
    "Clock",
    "chosen",
    "entry",
    "front",
    "instance",
    "limits",
    "make_call",
]

ANN = Principal("user", "ann", agents=("*",), skills=("*",))
NEXT_TO_NONE = 1e-300
"""For a limit, which is always above 0: added to anything, it changes nothing."""
ECHO = Route("echo", "say", "1.0.0", ("echo-1",))


def front(tenant: str = "default") -> Principal:
    """The agent ``front``, as it makes calls."""
    return Principal("agent", "agent:front", tenant, agents=("*",), skills=("*",), actors=("front",))


class Clock:
    """Seconds that move only by hand."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def limits(**changes: Any) -> Limits:
    """The defaults with these changes."""
    return msgspec.structs.replace(DEFAULTS, **changes)


def make_call(method: str = "SendMessage", **changes: Any) -> Call:
    """A call by ann, which has no route yet."""
    found = METHODS[method]
    message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
    tree: dict[str, Any] = {"id": "t"} if found.on_task else {"message": message}
    fields: dict[str, Any] = {"id": "c1", "principal": ANN, **changes}
    return Call(method=found, payload=JsonPayload(found.request, tree), **fields)


class Behind:
    """What lies behind a policy: it keeps the calls that reach it, and raises its errors in turn (None is an answer).

    When there are no more of them, every further call is answered.
    """

    def __init__(self, *errors: BaseException | None) -> None:
        self.calls: list[Call] = []
        self._errors = list(errors)

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error
        tree: dict[str, Any] = {"message": {"messageId": "r", "role": "ROLE_AGENT", "parts": [{"text": "hello"}]}}
        return Reply.one(JsonPayload(call.method.response, tree))

    @property
    def last(self) -> Call:
        """The call that came last."""
        return self.calls[-1]


_OF_MANIFEST = (
    *("version", "skills", "foreign", "card", "any_references", "tell_caller"),
    *("shared_tasks", "shared_contexts"),
)


def entry(name: str = "echo-1", agent: str = "echo", **more: Any) -> model.Entry:
    """One instance as the registry lists it; ``more`` are fields of the manifest, and of the instance."""
    shared: dict[str, Any] = {key: more.pop(key) for key in _OF_MANIFEST if key in more}
    usual: dict[str, Any] = {"version": "1.0.0", "skills": (model.Capability("say", "1.0.0"),)}
    manifest = model.Manifest(agent, **{**usual, **shared})
    fields: dict[str, Any] = {"endpoints": (model.Endpoint("JSONRPC", f"http://{name}"),), **more}
    return model.Entry(model.Instance(name, agent, manifest.digest(), **fields), manifest)


def instance(clock: Clock, name: str = "echo-1", changed: Limits = DEFAULTS, **more: Any) -> Instance:
    """One instance as a gateway knows it."""
    breaker = Breaker(name, changed, clock, random.Random(1))
    return Instance(entry(name, **more), breaker, clock, "secret")


def chosen(call: Call, where: Instance, clock: Clock) -> Call:
    """The call as the balancer hands it on: its attempt is open at ``where``."""
    attempt = Attempt(call, where, where.entry.instance.endpoints[0], clock())
    where.attempts.add(attempt)
    return call.with_fact(Chosen(attempt, "the only one ready of 1"))
