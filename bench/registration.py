"""The cost of contracts at registration and look-up, over each available registry.

    python -m bench.registration [--skills 1000] [--releases 20] [--backends memory,file,consul] [--save FILE]

Each registration brings one release of one skill, in order of versions, as an agent that joins does: through the gate,
compared with all releases before it, tried, stored. Several agents join at once, as in a rollout.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
import timeit
import urllib.request
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import structlog
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.contracts.known_contract import index_subject
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.limits import blob_digest
from meshgate.registry.model import Capability, Manifest, SchemaRef
from meshgate.registry.open import open_registry
from meshgate.registry.schemas import Release, Subject
from meshgate.registry.schemas.standard_files import extension, options_class
from meshgate.registry.watcher import Watcher
from tests.support.servers import NotAvailable, consul

__all__ = ["BACKENDS", "RELEASES", "main", "section", "table"]

BACKENDS = ("memory", "file", "consul")
RELEASES = 20
AT_ONCE = 8
"""Agents that join at the same time."""
ALONE = 10
"""Skills that are registered after all others, one release after the other."""
FIELDS = 10
"""Fields of the first release; each further one adds a field."""
_STRING, _DOUBLE = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_DOUBLE


# -- contracts


def image_of(skill: str, number: int) -> bytes:
    """The descriptor set of a skill's release: a Query of ten fields and more, one constrained, and an Answer."""
    file = FileDescriptorProto(name=f"{skill}.proto", package=f"bench.{skill}", syntax="proto3")
    file.dependency.append("buf/validate/validate.proto")
    for name in ("Query", "Answer"):
        message = file.message_type.add(name=name)
        for index in range(1, FIELDS + number + 1):
            kind = _STRING if index % 2 else _DOUBLE
            field = message.field.add(name=f"field_{index}", number=index, type=kind, label=1)
            if index == 1:
                options = options_class("google.protobuf.FieldOptions")()
                options.Extensions[extension("buf.validate.field")].string.min_len = 1
                field.options.ParseFromString(options.SerializeToString())
    return FileDescriptorSet(file=[file]).SerializeToString()


def release_of(skill: str, number: int) -> tuple[Manifest, bytes]:
    """The registration of an agent of release ``1.NUMBER.0``."""
    image = image_of(skill, number)
    digest = blob_digest(image)
    refs = SchemaRef(f"bench.{skill}.Query", digest), SchemaRef(f"bench.{skill}.Answer", digest)
    version = f"1.{number}.0"
    one = Capability("answer", version, input=refs[0], output=refs[1], owner="team-bench", steward="team-schemas")
    return Manifest(skill, version, skills=(one,)), image


# -- a registry that counts


class Counting:
    """The writes to a registry: calls, bytes, and the largest value."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.asked = self.written = self.largest = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)

    async def put_blob(self, data: bytes) -> str:
        """Store, and count."""
        self._count(len(data))
        return await self._registry.put_blob(data)

    async def put_subject(self, name: str, digest: str, expected: str) -> bool:
        """Point, and count."""
        self._count(len(digest))
        return await self._registry.put_subject(name, digest, expected)

    def _count(self, size: int) -> None:
        self.asked += 1
        self.written += size
        self.largest = max(self.largest, size)


@contextmanager
def backends(names: list[str], folder: Path) -> Generator[dict[str, str]]:
    """The URL of each available registry; the others are named on stderr."""
    known = {"memory": "memory:", "file": f"file://{folder}/registry.db"}
    found = {name: known[name] for name in names if name in known}
    if "consul" not in names:
        yield found
        return
    try:
        with consul(persistent=True) as server:
            yield {**found, "consul": f"consul://127.0.0.1:{server.port}"}
    except NotAvailable as reason:
        print(f"registration over Consul is not measured: {reason}", file=sys.stderr)
        yield found


class Progress:
    """A bar on stderr, if that is a terminal; else a line at each tenth."""

    def __init__(self, title: str, whole: int) -> None:
        self._title, self._whole, self._done, self._shown = title, whole, 0, -1
        self._began = time.monotonic()

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        tenths = self._done * 10 // self._whole
        live = sys.stderr.isatty()
        if (live and self._done % 20 == 0) or tenths != self._shown:
            self._shown = tenths
            bar = "#" * (2 * tenths) + "." * (20 - 2 * tenths)
            text = f"{self._title:8} [{bar}] {self._done}/{self._whole}  {time.monotonic() - self._began:.0f} s"
            print(f"\r{text}" if live else text, end="" if live and self._done < self._whole else "\n", file=sys.stderr)


# -- registration


async def register_all(url: str, title: str, folder: Path, skills: int, releases: int) -> dict[str, Any]:
    """Register everything; returns the cost."""
    made = [[release_of(f"skill{number}", version) for version in range(releases)] for number in range(skills + ALONE)]
    made, alone = made[:skills], made[skills:]
    progress = Progress(title, skills * releases)
    async with opened(url) as registry:
        counting: Any = Counting(registry)
        gate = SchemaGate(SchemaStore(counting, folder / f"{title}-schemas"))
        waiting = iter(made)

        async def join() -> None:
            for skill in waiting:
                for manifest, image in skill:
                    await gate.admit(manifest, (image,))
                    progress.step()

        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(join() for _ in range(AT_ONCE)))
        whole, cpu = time.perf_counter() - began, time.process_time() - cpu
        written, asked = counting.written, counting.asked
        first, last, again = await lone(gate, alone)
        return {
            "section": "registration",
            "backend": title,
            "skills": skills,
            "releases": releases,
            "seconds": whole,
            "per_registration_ms": whole / (skills * releases) * 1e3,
            "cpu_ms": cpu / (skills * releases) * 1e3,
            "first_ms": first * 1e3,
            "last_ms": last * 1e3,
            "again_ms": again * 1e3,
            "writes_per_registration": asked / (skills * releases),
            "bytes_per_registration": written / (skills * releases),
            "largest_value": counting.largest,
        }


async def lone(gate: SchemaGate, skills: list[list[tuple[Manifest, bytes]]]) -> tuple[float, float, float]:
    """Seconds (medians) of a first release, of a last one, and of a last one once more, with nobody else joining."""
    seconds: list[list[float]] = []
    for skill in skills:
        seconds.append([])
        for manifest, image in [*skill, skill[-1]]:
            began = time.perf_counter()
            await gate.admit(manifest, (image,))
            seconds[-1].append(time.perf_counter() - began)
    first, last, again = (statistics.median(one[index] for one in seconds) for index in (0, -2, -1))
    return first, last, again


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Registry, None]:
    """Open a registry; the one in memory is the same for all who open it here."""
    if url == "memory:":
        _MEMORY.setdefault(url, open_registry(url))
        yield _MEMORY[url]
        return
    registry = open_registry(url)
    try:
        yield registry
    finally:
        await registry.aclose()


_MEMORY: dict[str, Registry] = {}


def consul_sizes(url: str) -> dict[str, Any]:
    """The bytes that a watch of all pointers reads at each change, and the largest value, as Consul reports them."""
    base = url.replace("consul://", "http://") + "/v1/kv/meshgate"
    with urllib.request.urlopen(f"{base}/subjects/?recurse", timeout=60) as answer:
        pointers = answer.read()
    found = json.loads(pointers)
    return {"pointers": len(found), "watch_bytes": len(pointers), "pointer_bytes": len(pointers) / len(found)}


# -- the catalogue of a gateway


async def follow(url: str, folder: Path, skills: int) -> dict[str, Any]:
    """The time and memory of the catalogue of a gateway that starts with nothing. Runs in a process of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    before, began = resident(), time.perf_counter()
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(opened(url))
        watcher = Watcher(registry, Index(), folder / "follow.bin")
        catalogue = Catalogue(SchemaStore(registry, folder / "follow"), watcher)
        tasks = [asyncio.ensure_future(run) for run in (watcher.run(), catalogue.run())]
        while len(catalogue) < skills:
            await asyncio.sleep(0.01)
        known = time.perf_counter() - began
        memory = resident() - before
        while not catalogue.settled:
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return {"known_s": known, "kept_s": time.perf_counter() - began, "memory_mb": memory / 1e6}


def resident() -> int:
    """Bytes that this process holds in memory (``/proc/self/statm``, field 2; proc(5))."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def followed(url: str, folder: Path, skills: int) -> dict[str, Any]:
    """The result of ``follow`` in a process of its own."""
    command = [sys.executable, "-m", "bench.registration", "--follow", url, str(folder), str(skills)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    if process.returncode:
        raise SystemExit("bench: the process that follows the registry failed")
    found: dict[str, Any] = json.loads(output)
    return found


# -- the path of a call


def lookups() -> list[dict[str, Any]]:
    """Nanoseconds of one look at a subject, a release and a type, by how many there are."""
    rows: list[dict[str, Any]] = []
    for subjects, releases in ((1, 1), (1000, 1), (1, 20), (1000, 20)):
        catalogue = Catalogue(SchemaStore(open_registry("memory:")), Watcher(open_registry("memory:"), Index()))
        for number in range(subjects):
            catalogue.learn(f"skill{number}/answer", _known(f"skill{number}", releases))
        name, version, kind = (
            f"skill{subjects // 2}/answer",
            f"1.{releases // 2}.0",
            f"bench.skill{subjects // 2}.Query",
        )

        def look(catalogue: Catalogue = catalogue, name: str = name, version: str = version, kind: str = kind) -> None:
            known = catalogue.subject(name)
            if known is None or known.releases.get(version) is None or known.by_type.get(kind) is None:
                raise RuntimeError("the catalogue does not know what it was told")

        best = min(timeit.repeat(look, number=20_000, repeat=7)) / 20_000
        rows.append({"section": "lookup", "subjects": subjects, "releases": releases, "ns": best * 1e9})
    return rows


def _known(skill: str, releases: int) -> Any:
    sides = SchemaRef(f"bench.{skill}.Query", "0" * 32), SchemaRef(f"bench.{skill}.Answer", "0" * 32)
    made = tuple(Release(f"1.{number}.0", *sides) for number in range(releases))
    return index_subject("0" * 32, Subject(skill, "answer", made))


# -- the whole


def section(skills: int, releases: int, names: list[str]) -> list[dict[str, Any]]:
    """Measure over each registry; the rows."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with backends(names, folder) as urls:
            for title, url in urls.items():
                row = asyncio.run(register_all(url, title, folder, skills, releases))
                if title != "memory":
                    row |= asyncio.run(followed(url, folder / title, skills + ALONE))
                if title == "consul":
                    row |= consul_sizes(url)
                rows.append(row)
    return [*rows, *lookups()]


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for people."""
    shown = {
        "backend": "registry",
        "seconds": "all, s",
        "per_registration_ms": "each, ms",
        "cpu_ms": "CPU of each, ms",
        "first_ms": "a first release alone, ms",
        "last_ms": "a last one, ms",
        "again_ms": "the same again, ms",
        "writes_per_registration": "writes",
        "bytes_per_registration": "bytes written",
        "largest_value": "largest value",
        "watch_bytes": "watch, bytes",
        "known_s": "followed in, s",
        "kept_s": "on disk in, s",
        "memory_mb": "catalogue, MB",
    }
    lines = ["| " + " | ".join(shown.values()) + " |", "|" + "---|" * len(shown)]
    for row in rows:
        if row["section"] == "registration":
            cells = (row.get(key, "") for key in shown)
            lines.append(
                "| " + " | ".join(f"{one:.2f}" if isinstance(one, float) else str(one) for one in cells) + " |"
            )
    looked = [row for row in rows if row["section"] == "lookup"]
    lines += [
        "",
        *(f"lookup at {r['subjects']} subjects of {r['releases']} releases: {r['ns']:.0f} ns" for r in looked),
    ]
    if looked:
        lines.append(f"lookup, most to least: x {looked[-1]['ns'] / looked[0]['ns']:.2f} (O(1) is about 1)")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run, print, save."""
    parser = argparse.ArgumentParser(prog="python -m bench.registration", description=__doc__)
    parser.add_argument("--skills", type=int, default=1000)
    parser.add_argument("--releases", type=int, default=RELEASES)
    parser.add_argument("--backends", default=",".join(BACKENDS), help="which of them, with commas")
    parser.add_argument("--save", type=Path, help="append the raw rows to this file, one JSON object a line")
    parser.add_argument("--follow", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.follow:
        url, folder, skills = options.follow
        print(json.dumps(asyncio.run(follow(url, Path(folder), int(skills)))))
        return 0
    rows = section(options.skills, options.releases, options.backends.split(","))
    print(table(rows))
    if options.save is not None:
        with options.save.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
