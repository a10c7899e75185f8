"""The cost of contracts on the path of a call: to check, to convert, to pass on, and how long a hostile part can block.

    python -m bench.schemas [--rounds 9] [--save FILE]

CPU time of this process, each figure the best of some slices in a round, subjects interleaved; the table has the
median of the rounds. Before and after, each subject's result is compared with what it must be, and the policy's counter
must have counted every call.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema  # pyright: ignore[reportMissingModuleSource] - in the development environment alone
import msgspec
import protovalidate
import structlog
from google.protobuf import json_format
from google.protobuf.message import Message

from bench.schema_peers import JSON_SCHEMA, Request
from meshgate.a2a.call import Call, Handler
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import SendMessageResponse
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.call_release import contract_parts
from meshgate.gateway.contracts.transform import (
    CompiledContract,
    Converter,
    TypedPart,
    check_part,
    convert_part,
    make_converter,
    media_text,
    typed_parts,
)
from meshgate.registry.model import Capability, Manifest, Migration, SchemaRef
from meshgate.registry.schemas import Release, load_image
from meshgate.testing import LocalMesh
from tests.registry.schemas.build import compiled

__all__ = ["LIMITS", "main", "section", "verdicts"]

LIMITS = {
    "check bytes": 5.0,
    "check json": 60.0,
    "convert json - check json part": 50.0,
    "convert bytes - check bytes part": 50.0,
    "pass on a matching part": 2.0,
    "policy, no contract": 1.0,
    "loop held, 100 KiB": 20_000.0,
    "loop held, 1 MiB": 20_000.0,
}
"""µs at most. A name with a minus is the difference of two subjects within a round."""
REST = "policy, same release, but for check and counts"
"""The share of finding the contract, the call's thread and the headers in the cost that the policy adds."""
ADDED = ("policy, no contract", "policy, text alone", "policy, same release", "policy, same release, bytes")
"""Subjects from which the cost of the call without the policy is subtracted."""
OLD = """enum Unit { UNIT_UNSPECIFIED = 0; CELSIUS = 1; FAHRENHEIT = 2; }
message Wind { double speed = 1 [(buf.validate.field).double.gte = 0]; string from = 2; }
message Request {
  string city = 1 [(buf.validate.field).string = {min_len: 2, max_len: 40}];
  int32 days = 2 [(buf.validate.field).int32 = {gte: 1, lte: 14}];
  Unit unit = 3; Wind wind = 4; repeated string tags = 5; int64 after = 6; bool hourly = 7;
  double latitude = 8 [(buf.validate.field).double = {gte: -90, lte: 90}]; double longitude = 9; bytes token = 10;
}"""
NEW = OLD.replace("string city", "string place").replace("bytes token = 10;", "bytes token = 10; string note = 11;")
TREE: dict[str, Any] = {
    "city": "Bern",
    "days": 3,
    "unit": "CELSIUS",
    "wind": {"speed": 3.5, "from": "NW"},
    "tags": ["a", "b", "c"],
    "after": "1234567890123",
    "hourly": True,
    "latitude": 46.9,
    "longitude": 7.4,
    "token": "AQIDBA==",
}
RENAMED = {"place" if key == "city" else key: value for key, value in TREE.items()}
SKILL = "weather/forecast"
SLICES, SLICE = 7, 0.004
"""Slices in which a subject is measured in a round, and the seconds of one."""


class Subject(NamedTuple):
    """A subject of measurement: its function, and the result that it must have, if that can be compared."""

    work: Callable[[], object]
    result: object = None
    proof: Callable[[Any], object] = lambda result: result


class Clock:
    """Measures one subject in a round: µs of CPU time, best of some slices."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.done = 0
        began = time.process_time()
        for _ in range(20):
            self._once()
        self.number = max(1, int(SLICE / max((time.process_time() - began) / 20, 1e-7)))

    def _once(self) -> object:
        self.done += 1
        return self.subject.work()

    def measure(self) -> float:
        """One round."""
        work, best = self.subject.work, float("inf")
        for _ in range(SLICES):
            began = time.process_time()
            for _ in range(self.number):
                work()
            best = min(best, (time.process_time() - began) / self.number)
        self.done += SLICES * self.number
        return best * 1e6

    def prove(self, name: str) -> None:
        """Refuse a figure of work that was not done."""
        if self.subject.result is not None and self.subject.proof(self._once()) != self.subject.result:
            raise SystemExit(f"bench: {name} did not do its work: the figure would be false")


# -- contracts and peers


def contracts() -> dict[str, Subject]:
    """The conversion core and its peers, on the same message."""
    old, new = (
        CompiledContract(load_image(compiled(text)), "p.Request", each)
        for text, each in ((OLD, "1.0.0"), (NEW, "2.0.0"))
    )
    message = old.read_json(TREE).message
    data, text = old.write_bytes(message), json.dumps(TREE).encode()
    up, same = Converter(old, new), Converter(old, old)
    releases = [Release("1.0.0"), Release("2.0.0", migrations=(Migration("^1", {"note": "old.city + '!'"}),))]
    migrated = make_converter(releases, old, new, lambda _: new, {})
    as_json = TypedPart("input", "message.parts[0]", "json", media_text("json", "p.Request", "1.0.0"), TREE)
    as_bytes = TypedPart("input", "message.parts[0]", "protobuf", media_text("protobuf", "p.Request", "1.0.0"), data)
    validator = protovalidate.Validator()
    checked: Any = jsonschema.Draft202012Validator(JSON_SCHEMA)
    moved = new.write_bytes(up.convert(message))

    def from_bytes() -> Message:
        found = old.read_bytes(data)
        old.validate(found)
        return found

    def from_json() -> Message:
        found = old.read_json(msgspec.json.decode(text)).message
        old.validate(found)
        return found

    def peer_json() -> Message:
        found: Message = json_format.ParseDict(json.loads(text), old.message())
        validator.validate(found)
        return found

    def there_and_back() -> Any:
        return json_format.MessageToDict(json_format.ParseDict(TREE, old.message()))

    return {
        "check bytes": Subject(from_bytes, message),
        "check json": Subject(from_json, message),
        "check bytes part": Subject(lambda: convert_part(as_bytes, same).part, as_bytes),
        "check json part": Subject(lambda: convert_part(as_json, same).part, as_json),
        "convert bytes": Subject(lambda: convert_part(as_bytes, up).part.value, moved),
        "convert json": Subject(lambda: convert_part(as_json, up).part.value, RENAMED),
        "convert json, one migration": Subject(
            lambda: convert_part(as_json, migrated).part.value, {**RENAMED, "note": "Bern!"}
        ),
        "peer: protovalidate alone": Subject(lambda: validator.collect_violations(message), []),
        "peer: json, json_format, protovalidate": Subject(peer_json, message),
        "peer: ParseDict and MessageToDict": Subject(there_and_back, TREE),
        "peer: pydantic model_validate_json": Subject(lambda: Request.model_validate_json(text).city, "Bern"),
        "peer: pydantic model_validate": Subject(lambda: Request.model_validate(TREE).city, "Bern"),
        "peer: jsonschema": Subject(lambda: checked.is_valid(TREE), result=True),
        "check part": Subject(lambda: check_part(as_json, old), message),
    }


# -- the policy


class Mesh:
    """A gateway that knows two releases of a contract, and its policy fed with calls as resolving leaves them."""

    def __init__(self, mesh: LocalMesh) -> None:
        self.mesh = mesh
        self.policy = mesh.gateway.schema
        self.caught: list[Call] = []
        self.answer = self._event("1.0.0")

    @staticmethod
    def _event(version: str) -> JsonPayload:
        part = {"data": TREE, "mediaType": media_text("json", "p.Request", version)}
        return JsonPayload(SendMessageResponse, {"message": {"messageId": "r", "role": "ROLE_AGENT", "parts": [part]}})

    async def fill(self) -> None:
        """Register the releases and the agents."""
        gate = SchemaGate(self.mesh.gateway.schemas.store)
        skills: list[Capability] = []
        for version, text in (("1.0.0", OLD), ("1.1.0", NEW)):
            ref = SchemaRef("p.Request", load_image(compiled(text)).digest)
            skills.append(Capability("forecast", version, input=ref, output=ref))
            await gate.admit(Manifest("weather", version, skills=(skills[-1],)), (compiled(text),))
        while (known := self.mesh.gateway.schemas.subject(SKILL)) is None or len(known.releases) < 2:
            await asyncio.sleep(0.01)
        await self.mesh.add("weather", self.script, skills=(skills[0],))
        await self.mesh.add("plain", self.script)

    def script(self, call: Call) -> Reply:
        """An agent that answers in release 1.0.0."""
        self.caught.append(call)
        return Reply.one(self.answer)

    def call_of(self, part: dict[str, Any], agent: str = "weather") -> Call:
        """A call as it comes in over HTTP."""
        tree = {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [part]}}
        call = self.mesh.call_of(tree, agent)
        headers = {**call.headers, "content-length": str(len(json.dumps(tree)))}
        return msgspec.structs.replace(call, headers=headers)

    async def routed(self, call: Call) -> Call:
        """The call as the policy gets it, caught on its way."""
        policy = type(self.policy)
        whole, found = policy.__call__, list[Call]()

        async def spy(this: Any, caught: Call, forward: Handler) -> Reply:
            found.append(caught)
            return await whole(this, caught, forward)

        policy.__call__ = spy  # type: ignore[method-assign]
        try:
            await self.mesh.read(call)
        finally:
            policy.__call__ = whole  # type: ignore[method-assign]
        return found[0]

    async def forward(self, _: Call) -> Reply:
        return Reply.one(self.answer)

    async def through(self, call: Call) -> Any:
        reply = await self.policy(call, self.forward)
        return await reply.answer()

    async def around(self, call: Call) -> Any:
        return await (await self.forward(call)).answer()

    async def subjects(self) -> dict[str, Subject]:
        """The policy on calls that have nothing to wait for."""
        named = media_text("json", "p.Request", "1.0.0")
        raw = {"raw": "CgRCZXJuEAM=", "mediaType": media_text("protobuf", "p.Request", "1.0.0")}
        calls = {
            "no contract": await self.routed(self.call_of({"text": "hello"}, "plain")),
            "text alone": await self.routed(self.call_of({"text": "hello"})),
            "same release": await self.routed(self.call_of({"data": TREE, "mediaType": named})),
            "same release, bytes": await self.routed(self.call_of(raw)),
            "other release": await self.routed(
                self.call_of({"data": RENAMED, "mediaType": media_text("json", "p.Request", "1.1.0")})
            ),
        }

        def data_of(answer: JsonPayload) -> Any:
            return answer.tree()["message"]["parts"][0]["data"]

        usage, caller = self.mesh.gateway.usage, calls["same release"].principal.id
        found = {
            f"policy, {name}": Subject(lambda call=call: at_once(self.through(call)), self.answer)
            for name, call in calls.items()
        }
        found["policy, other release"] = Subject(
            lambda: at_once(self.through(calls["other release"])),
            RENAMED,
            data_of,
        )
        whole, mediator = calls["same release"].payload, self.mesh.gateway.mediator
        known = self.mesh.gateway.schemas.subject(SKILL)

        def pass_on() -> Any:
            """The rest of the policy for a part that needs no conversion: find it, its release and its path."""
            if known is None:
                return None
            for part in contract_parts(known, typed_parts(whole)):
                way = mediator.kept(known, "input", part.version, "1.0.0")
                return convert_part(part, way, check=False).part.value if way is not None else None
            return None

        found["pass on a matching part"] = Subject(pass_on, TREE)
        found["around the policy"] = Subject(lambda: at_once(self.around(calls["same release"])), self.answer)
        found["count a part's fields"] = Subject(lambda: usage.note(SKILL, caller, "1.0.0", "input", "1.0.0", TREE))
        return found


def at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of what never waits, without an event loop between."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise SystemExit("bench: the policy waited, so this is not what it costs")


def hostile(size: int) -> dict[str, Any]:
    """A part of so many bytes of JSON, with about as many values as a document may have, and most keys unknown."""
    count = min(size // 60, 12_000)
    tree = {**RENAMED, "tags": ["x"] * count, "rest": [{"k": 1}] * (count // 2)}
    tree |= {f"unknown{number:06}": number for number in range(count)}
    text = len(json.dumps(tree))
    return {**tree, "note": "y" * max(0, size - text)}


async def held(mesh: Mesh, size: int) -> tuple[float, float, str]:
    """A hostile part of ``size`` bytes: the longest time between two rounds of the event loop, all of the call, and the
    thread that read it. Both are this process's CPU time, so that what other processes take does not count.
    """
    part = {"data": hostile(size), "mediaType": media_text("json", "p.Request", "1.1.0")}
    call = await mesh.routed(mesh.call_of({"data": RENAMED, "mediaType": media_text("json", "p.Request", "1.1.0")}))
    inner = {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [part]}}
    length = len(json.dumps(inner))
    payload = JsonPayload(call.payload.kind, inner)
    call = msgspec.structs.replace(call, payload=payload, headers={**call.headers, "content-length": str(length)})
    gaps, where, done = [0.0], [""], asyncio.Event()
    read = CompiledContract.read_json

    def noted(this: CompiledContract, value: Any) -> Any:
        where[0] = where[0] or threading.current_thread().name
        return read(this, value)

    async def tick() -> None:
        last = time.process_time()
        while not done.is_set():
            await asyncio.sleep(0)
            now = time.process_time()
            gaps.append(now - last)
            last = now

    CompiledContract.read_json = noted  # type: ignore[method-assign]
    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    began = time.process_time()
    try:
        await (await mesh.policy(call, mesh.forward)).answer()
    finally:
        took = time.process_time() - began
        CompiledContract.read_json = read  # type: ignore[method-assign]
        done.set()
        await ticking
    return max(gaps) * 1e6, took * 1e6, where[0]


# -- the whole


async def measure(rounds: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    async with LocalMesh() as local:
        mesh = Mesh(local)
        await mesh.fill()
        clocks = {name: Clock(one) for name, one in {**contracts(), **await mesh.subjects()}.items()}
        counted = [name for name in clocks if name.startswith("policy, ") and name != "policy, no contract"]
        before = sum(row.calls for row in local.gateway.usage.rows(SKILL) if row.direction == "output")
        already = sum(clocks[name].done for name in counted)
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)  # as a gateway does
        for number in range(1, rounds + 1):
            for name, clock in clocks.items():
                clock.prove(name)
                rows.append({"section": "schemas", "subject": name, "round": number, "us": clock.measure()})
            for size in ("100 KiB", "1 MiB"):
                gap, took, thread = await held(mesh, (100 if size == "100 KiB" else 1024) * 1024)
                row = {"section": "schemas", "round": number, "thread": thread}
                rows += [
                    {**row, "subject": f"loop held, {size}", "us": gap},
                    {**row, "subject": f"hostile part, {size}", "us": took},
                ]
        prove_counts(local, clocks, counted, before, already, rounds)
    return rows


def prove_counts(
    mesh: LocalMesh, clocks: dict[str, Clock], counted: list[str], before: int, already: int, rounds: int
) -> None:
    """Refuse figures of a policy that did not count every call: once each, and twice each hostile one."""
    after = sum(row.calls for row in mesh.gateway.usage.rows(SKILL) if row.direction == "output")
    done = sum(clocks[name].done for name in counted) - already + 4 * rounds
    if after - before != done:
        raise SystemExit(f"bench: usage counted {after - before} of {done} answers: the figures would be false")


def section(rounds: int) -> list[dict[str, Any]]:
    """Measure; the rows."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    return asyncio.run(measure(rounds))


def by_round(rows: list[dict[str, Any]], name: str) -> list[float]:
    """A subject's figure of each round, or the difference of two; for the policy the cost that it adds."""
    first, minus, second = name.partition(" - ")
    found = [row["us"] for row in rows if row["subject"] == first]
    if name == REST:
        return [
            added - check - 2 * counting
            for added, check, counting in zip(
                by_round(rows, "policy, same release"),
                by_round(rows, "check json part"),
                by_round(rows, "count a part's fields"),
                strict=True,
            )
        ]
    if minus:
        return [one - other for one, other in zip(found, by_round(rows, second), strict=True)]
    if first in ADDED or first == "policy, other release":
        return [
            one - row["us"]
            for one, row in zip(found, (r for r in rows if r["subject"] == "around the policy"), strict=True)
        ]
    return found


def table(rows: list[dict[str, Any]]) -> str:
    """Medians with the lowest and highest round, as Markdown."""
    names = [*dict.fromkeys(row["subject"] for row in rows if row["subject"] != "around the policy"), REST]
    names += [name for name in LIMITS if " - " in name]
    lines = ["| | µs (min-max) | limit |", "|---|---|---|"]
    for name in names:
        found = by_round(rows, name)
        limit = f"{LIMITS[name]:.0f}" if name in LIMITS else ""
        lines.append(f"| {name} | {statistics.median(found):.2f} ({min(found):.2f}-{max(found):.2f}) | {limit} |")
    return "\n".join(lines)


def verdicts(rows: list[dict[str, Any]]) -> tuple[list[str], bool]:
    """Each limit, with the median of the rounds; and whether all are kept."""
    lines: list[str] = []
    good = True
    for name, limit in LIMITS.items():
        found = by_round(rows, name)
        median = statistics.median(found)
        good = good and median <= limit
        verdict = "PASS" if median <= limit else "FAIL"
        lines.append(f"{verdict} {name}: {median:.2f} µs ({min(found):.2f}-{max(found):.2f}), limit {limit:.0f}")
    threads = sorted({row["thread"] for row in rows if row.get("thread")})
    lines.append(f"hostile parts were read in: {', '.join(threads)}")
    return lines, good


def main(arguments: list[str] | None = None) -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.schemas", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--save", type=Path, help="append the raw rows to this file, one JSON object a line")
    options = parser.parse_args(arguments)
    rows = section(options.rounds)
    lines, good = verdicts(rows)
    print(table(rows), "", *lines, sep="\n")
    if options.save is not None:
        with options.save.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
