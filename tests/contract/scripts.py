"""What the agents of the contract suite do: each message is a small script, and any kind of agent can act it out.

A script is a JSON object with the word ``do``::

    {"do": "echo", "text": "hi"}              answers with what it received
    {"do": "count", "to": 3}                  hands over three chunks, one after the other
    {"do": "hold", "key": "k"}                works until the test opens the gate "k"
    {"do": "call", "to": "b", "say": {...}}   calls on and answers with what came of it
    {"do": "calls", "count": 3, ...}          the same several times, one by one; with "key" once that gate is open
    {"do": "burst", "count": 3, ...}          the same several times at once; "to" lists agents that take turns
    {"do": "later", "key": "k", "to": ...}    answers at once, and calls on after the gate "k" is open

``"keep": true`` in a script that calls on hands the received headers back to the gateway; else every header is dropped.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import defaultdict
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

import msgspec

__all__ = ["Received", "Role", "Script", "Stage", "act", "inner", "saying"]

Script = dict[str, Any]


class Received(msgspec.Struct, frozen=True):
    """What reached an agent."""

    agent: str
    instance: str
    headers: Mapping[str, str]
    references: tuple[str, ...] = ()
    task: str = ""


class Role(Protocol):
    """What an agent of some kind can do for a script."""

    received: Received

    async def working(self) -> None:
        """Say that the task is being worked on."""
        ...

    async def chunk(self, text: str) -> None:
        """Hand over a part of the result."""
        ...

    async def call(self, to: str, say: Script, *, keep: bool) -> dict[str, Any]:
        """Call on: ``{"text": ...}``, or ``{"error": {"reason", "message", "metadata"}}``."""
        ...


class Stage:
    """What tests and agents share: gates that hold agents up, and a note of who stands before which."""

    def __init__(self) -> None:
        self._gates: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._reached: dict[str, asyncio.Queue[Received | None]] = defaultdict(asyncio.Queue)
        self._told: dict[str, asyncio.Queue[dict[str, Any]]] = defaultdict(asyncio.Queue)
        self._later: set[asyncio.Task[None]] = set()

    def follow(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what an agent does after its answer."""
        task = asyncio.ensure_future(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def tell(self, key: str, outcome: dict[str, Any]) -> None:
        """A call that an agent made after its answer has ended."""
        self._told[key].put_nowait(outcome)

    async def outcome(self, key: str) -> dict[str, Any]:
        """Open the gate and wait for what came of the call behind it."""
        self.open(key)
        return await self._told[key].get()

    def open(self, key: str) -> None:
        """Open the gate for all who wait there, now or later."""
        self._gates[key].set()

    def open_all(self) -> None:
        """Let everybody go on who still waits."""
        for gate in self._gates.values():
            gate.set()

    async def wait_at(self, key: str, received: Received | None = None) -> None:
        """An agent has come to the gate."""
        self._reached[key].put_nowait(received)
        await self._gates[key].wait()

    def refused(self, key: str) -> None:
        """A call to an agent that was to come to the gate was refused."""
        self._reached[key].put_nowait(None)

    async def reached(self, key: str, count: int = 1) -> list[Received]:
        """What reached the agents at the gate, once so many have come to it or were refused on the way."""
        found = [await self._reached[key].get() for _ in range(count)]
        return [received for received in found if received is not None]


async def act(script: Script, role: Role, stage: Stage) -> str:
    """Act a script out; the text that the agent answers with."""
    word = script["do"]
    if word == "echo":
        seen = role.received
        return json.dumps({"text": script.get("text", ""), **msgspec.to_builtins(seen)})
    if word == "count":
        for number in range(script["to"]):
            await role.chunk(str(number))
        return "counted"
    if word == "hold":
        await role.working()
        await stage.wait_at(script["key"], role.received)
        return "released"
    if word == "later":
        stage.follow(_later(script, role, stage))
        return "answered"
    keep, count = script.get("keep", False), script.get("count", 1)
    outcomes: list[dict[str, Any]] = []
    if word == "burst":
        outcomes += await asyncio.gather(*(_call(script, number, role, stage) for number in range(count)))
    else:
        if "key" in script:
            await role.working()
            await stage.wait_at(script["key"], role.received)
        for _ in range(count):
            outcomes.append(await role.call(script["to"], script["say"], keep=keep))
    return json.dumps({"did": word, "agent": role.received.agent, "outcomes": outcomes})


async def _later(script: Script, role: Role, stage: Stage) -> None:
    await stage.wait_at(script["key"], role.received)
    stage.tell(script["key"], await role.call(script["to"], script["say"], keep=script.get("keep", False)))


async def _call(script: Script, number: int, role: Role, stage: Stage) -> dict[str, Any]:
    to: list[str] = script["to"]
    outcome = await role.call(to[number % len(to)], script["say"], keep=script.get("keep", False))
    if "error" in outcome:
        stage.refused(script["say"].get("key", ""))
    return outcome


def inner(answer: str) -> list[dict[str, Any]]:
    """What came of the calls that an agent made, innermost outcomes in place of those that only passed them on."""
    found: list[dict[str, Any]] = []
    for outcome in json.loads(answer)["outcomes"]:
        text = outcome.get("text", "")
        found += inner(text) if text.startswith('{"did"') else [outcome]
    return found


def saying(script: Script, **fields: Any) -> dict[str, Any]:
    """The parameters of a message that holds a script; ``fields`` are the message's own."""
    message = {"messageId": uuid.uuid4().hex, "role": "ROLE_USER", "parts": [{"text": json.dumps(script)}]}
    return {"message": {**message, **fields}}
