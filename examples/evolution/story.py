"""The command: four releases of a weather agent come and go under load, and a fifth that breaks its callers is refused.

It starts a mesh of its own on free ports and two instances of the first release. Callers of each release begin as soon
as it is there, and go on to the end. Each next release replaces the one before instance by instance; then everything is
rolled back, step by step, while callers of all releases go on calling. It fails if a single call does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from examples.program import at_home, guarded
from examples.stage import Child, Stage
from meshgate.cli.console import plain
from meshgate.cli.exits import CliError, Exit

RELEASES = ("1.0.0", "1.1.0", "1.2.0", "2.0.0")
BROKEN = "2.1.0"
WHAT = {
    "1.0.0": "the first release",
    "1.1.0": "two fields more",
    "1.2.0": "a field renamed, by number",
    "2.0.0": "the wind a message of its own, by a declared migration",
    "2.1.0": "a type changed, and the version says that nothing broke",
}
SUBJECT = "weather/forecast"
_INSTANCES = 2
_SETTLE = 1.0
"""Seconds of calls with nothing else going on, after each step."""
_MET = re.compile(r"in=([^>;]+)>([^>;]+); out=([^>;]+)>([^>;]+)\Z")


class Options(NamedTuple):
    """The options of the command line."""

    rate: float
    as_json: bool
    keep: bool


class Tally(NamedTuple):
    """The results of callers: answers by (caller's release, agent's release), and failures by their kind."""

    met: Counter[tuple[str, str]]
    failed: Counter[str]

    @property
    def calls(self) -> int:
        """How many calls are over."""
        return self.met.total() + self.failed.total()


def parse(arguments: Sequence[str] | None = None) -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="examples/evolution/run.py",
        description="Replace releases of an agent under load, forward and back, and see a breaking one refused.",
        epilog="exit codes: 0 no call failed, 1 one did, 2 usage, 3 a process did not come up",
    )
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second of each release's callers [20]")
    parser.add_argument("--json", action="store_true", help="print what happened as one JSON document")
    parser.add_argument("--keep", action="store_true", help="keep the mesh's home, with the logs of all processes")
    given = parser.parse_args(arguments)
    if not 0 < given.rate <= 200:
        parser.error(f"--rate {given.rate:g}: 200 calls a second at most")
    return Options(given.rate, given.json, given.keep)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example; gives the exit code."""
    options = parse(arguments)
    console = Console(stderr=options.as_json, highlight=False)

    async def play(home: Path) -> int:
        return await guarded(console, home, lambda stage: Story(stage, console, options).play())

    return at_home("evolution", console, play, keep=options.keep)


class Story:
    """The steps of the story, in order."""

    def __init__(self, stage: Stage, console: Console, options: Options) -> None:
        self._stage, self._console, self._options = stage, console, options
        self._tally = Tally(Counter(), Counter())
        self._instances: list[Child] = []
        self._callers: list[Child] = []
        self._started = 0

    async def play(self) -> None:
        """Run all steps.

        Raises:
            CliError: a process did not come up, a call failed, or the breaking release was let in.
        """
        with self._console.status("starting") as status:
            run = await self._stage.start_gateway()
            self._say("gateway", run.gateway)
            for version in RELEASES:
                status.update(f"{version}: {WHAT[version]}")
                await self._roll(version, WHAT[version])
                await self._call(version)
            status.update(f"{BROKEN}: {WHAT[BROKEN]}")
            refusal = await self._refused()
            for version in reversed(RELEASES[:-1]):
                status.update(f"back to {version}")
                await self._roll(version, "rolled back")
            status.update("the last answers")
            await self._hang_up()
            usage = await self._meshgate("schema", "usage", SUBJECT, *(["--json"] if self._options.as_json else []))
        self._tell(refusal, usage)
        if self._tally.failed:
            ((what, count),) = self._tally.failed.most_common(1)
            raise CliError(
                f"{self._tally.failed.total()} calls failed, {count} of them with: {what[:400]}", Exit.FAILED
            )
        missing = [(one, other) for one in RELEASES for other in RELEASES if not self._tally.met[one, other]]
        if missing:
            raise CliError(f"callers and agents that never met: {missing}", Exit.FAILED, "give it a higher --rate")

    def _say(self, what: str, how: str) -> None:
        self._console.print(Text.assemble((f"  {what:<9}", "bold"), how), soft_wrap=True)

    # -- agents

    async def _roll(self, version: str, why: str) -> None:
        """Replace every instance by one of ``version``, one by one; the first time there is nothing to replace."""
        before, began = self._count(), time.monotonic()
        old, self._instances = self._instances, []
        for number in range(_INSTANCES):
            self._instances.append(await self._start(version))
            await self._stage.until_listed({f"weather@{version}": number + 1}, lambda *_: None)
            if old:
                await self._stage.end(old.pop())
        await asyncio.sleep(_SETTLE if self._callers else 0.0)
        after = self._count()
        took, calls = time.monotonic() - began, after.calls - before.calls
        failed = after.failed.total() - before.failed.total()
        during = f": {calls} calls in {took:.1f} s, {failed} failed" if self._callers else ""
        self._say(version, f"{why}{during}")

    async def _start(self, version: str) -> Child:
        self._started += 1
        module = f"examples.evolution.v{version[0]}_{version[2]}.agent"
        return await self._stage.start(f"weather-{self._started}", "-m", module, MESHGATE_CONTRACTS="frozen")

    async def _refused(self) -> str:
        """Start the release that breaks the contract; returns the error with which it ends."""
        child = await self._start(BROKEN)
        try:
            async with asyncio.timeout(30.0):
                code = await child.process.wait()
        except TimeoutError:
            code = 0
        self._stage.children.remove(child)
        if not code:
            child.signal(signal.SIGTERM)
            raise CliError(f"{BROKEN} breaks its callers and was not refused\n{child.tail()}", Exit.FAILED)
        self._say(BROKEN, f"{WHAT[BROKEN]}: refused, and its process ended with code {code}")
        return "\n".join(line for line in child.tail().splitlines() if not line.startswith("{"))  # the rest is logs

    # -- callers

    async def _call(self, version: str) -> None:
        run = self._stage.mesh
        script = str(Path(__file__).with_name("callers.py"))
        rate = str(self._options.rate)
        key = {"MESHGATE_KEY": run.client_key}
        self._callers.append(await self._stage.start(f"callers-{version}", script, run.gateway, version, rate, **key))

    async def _hang_up(self) -> None:
        for child in self._callers:
            code = await self._stage.end(child)
            if code:
                raise CliError(f"{child.name} ended with code {code}\n{child.tail()}", Exit.FAILED)
        self._tally = self._count()

    def _count(self) -> Tally:
        """The lines that callers have printed so far."""
        tally = Tally(Counter(), Counter())
        for child in self._callers:
            for line in child.log.read_text("utf-8").splitlines(keepends=True):
                if line.startswith("{") and line.endswith("\n"):
                    _note(json.loads(line), tally)
        return tally

    # -- commands

    async def _meshgate(self, *arguments: str) -> str:
        """The output of a Meshgate command about this mesh."""
        child = await self._stage.start("meshgate", "-m", "meshgate.cli", *arguments, COLUMNS="120")
        code = await child.process.wait()
        self._stage.children.remove(child)
        if code:
            raise CliError(f"meshgate {' '.join(arguments)} ended with code {code}\n{child.tail()}", Exit.FAILED)
        return child.log.read_text("utf-8")

    def _tell(self, refusal: str, usage: str) -> None:
        if self._options.as_json:
            met = [
                {"caller": one, "agent": two, "calls": count} for (one, two), count in sorted(self._tally.met.items())
            ]
            told = {"calls": self._tally.calls, "failed": self._tally.failed.total(), "met": met}
            print(json.dumps({**told, "refusal": refusal, "usage": json.loads(usage)}, indent=2))
            return
        show = self._console.print
        show(f"\nWhat {BROKEN} was told:", style="bold")
        show(Text(plain(refusal)))
        show("\nWho met whom: calls, each answered in the caller's words", style="bold")
        table = Table("", box=None, pad_edge=False)
        for version in RELEASES:
            table.add_column(f"agent {version}", justify="right")
        for one in RELEASES:
            table.add_row(f"  caller {one}", *(str(self._tally.met[one, other]) for other in RELEASES))
        show(table)
        show(f"\nWho speaks what: meshgate schema usage {SUBJECT}", style="bold")
        show(Text(plain(usage)), soft_wrap=True)
        show(f"{self._tally.calls} calls, {self._tally.failed.total()} failed.", style="bold")


def _note(line: dict[str, str], tally: Tally) -> None:
    found = _MET.match(line["met"])
    if line["wrong"] or found is None:
        tally.failed[line["wrong"] or f"no releases met: {line['met']!r}"] += 1
    else:
        tally.met[line["caller"], found[2]] += 1
