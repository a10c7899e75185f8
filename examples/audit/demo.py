"""The command: audit a Python environment with five agents, through a gateway.

It starts a mesh of its own on free ports, asks its planner for an audit, and shows the report, the tree of calls that
it took, and how to make the next call. On a terminal the mesh then stays up until Ctrl-C; else everything is ended.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from examples.audit.checks import NoEnvironment, Report, find_place
from examples.audit.checks.forms import Wanted
from examples.audit.checks.report import head
from examples.audit.checks.texts import counted
from examples.audit.screen import Screen
from examples.program import at_home, guarded
from examples.stage import ROOT, Child, Stage
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.views.job_tree import job_view
from meshgate.registry.home import Run
from meshgate.sdk import Mesh

AGENTS = {"inventory": 1, "licence": 1, "integrity": 2, "planner": 1, "critic": 1}
"""The agents and how many instances there are of each."""
_SECONDS = 800.0
"""Longest an audit may take; the gateway's limit is 900."""
_POLL = 0.02


class Options(NamedTuple):
    """The options of the command line."""

    env: str
    out: Path
    chaos: bool
    as_json: bool
    keep: bool


class Outcome(NamedTuple):
    """The result of an audit."""

    report: Report
    markdown: str
    job: str


def parse(arguments: Sequence[str] | None = None) -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="examples/audit/run.py",
        description="Audit a Python environment with five agents, through a gateway.",
        epilog="exit codes: 0 done, 1 failed, 2 usage, 3 a process did not come up, 4 denied, 5 a limit was reached",
    )
    parser.add_argument("--env", default=sys.prefix, help="a virtual environment or a site-packages folder [this one]")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "audit", help="where reports go [build/audit]")
    parser.add_argument("--chaos", action="store_true", help="kill one of the two integrity agents while it works")
    parser.add_argument("--json", action="store_true", help="print report and call tree as one JSON document, then end")
    parser.add_argument("--keep", action="store_true", help="keep the mesh's home, with the logs of all processes")
    given = parser.parse_args(arguments)
    env = str(Path(given.env).expanduser().absolute())  # agents work in another folder
    return Options(env, given.out, given.chaos, given.json, given.keep)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example; gives the exit code."""
    options = parse(arguments)
    console = Console(stderr=options.as_json, highlight=False)

    async def play(home: Path) -> int:
        _check(options)
        staying = asyncio.Event()
        return await guarded(console, home, lambda stage: _demo(options, console, stage, staying), staying)

    return at_home("audit", console, play, keep=options.keep)


def _check(options: Options) -> None:
    try:
        find_place(options.env)
    except NoEnvironment as error:
        raise CliError(str(error), Exit.USAGE) from None
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(f"{options.out}: {error.strerror}", Exit.USAGE, "choose another folder with --out") from None


async def _demo(options: Options, console: Console, stage: Stage, staying: asyncio.Event) -> None:
    with Screen(console, time.monotonic) as screen:
        victim = await _start(stage, screen)
        work = asyncio.ensure_future(_audit(options, stage.mesh, screen))
        try:
            if options.chaos:
                await _chaos(stage, victim, work, screen)
            outcome = await work
        finally:
            work.cancel()
    paths = _write(options.out, outcome)
    if options.as_json:
        tree = json.loads(await stage.job(outcome.job))
        document = {
            "report": outcome.report.model_dump(mode="json"),
            "job": tree,
            "files": [str(path) for path in paths],
        }
        print(json.dumps(document, indent=2))
        return
    stays = console.is_terminal and sys.stdin.isatty()
    await _show(console, stage, outcome, paths, "" if stays else " (on a terminal, where the mesh stays up)")
    if stays:
        console.print("\nThe mesh stays up. Ctrl-C ends it.", style="bold")
        staying.set()
        await asyncio.Event().wait()


async def _start(stage: Stage, screen: Screen) -> Child:
    """Start everything; gives the second integrity agent."""
    screen.step("gateway", "starting")
    run = await stage.start_gateway()
    screen.step("gateway", f"{run.gateway}, admin {run.admin}")
    for name, count in AGENTS.items():
        for number in range(1, count + 1):
            called = f"{name}-{number}" if count > 1 else name
            await stage.start(called, "-m", f"examples.audit.{name}", AUDIT_INSTANCE=called)
    await stage.until_listed(AGENTS, lambda there, total: screen.step("agents", f"{there} of {total} have joined"))
    return next(child for child in stage.children if child.name == "integrity-2")


async def _audit(options: Options, run: Run, screen: Screen) -> Outcome:
    texts: dict[str, str] = {}
    data: dict[str, Any] = {}
    job = ""
    async with Mesh(run.gateway, run.client_key) as mesh:
        async for event in mesh.stream("planner", data=Wanted(env=options.env), deadline=_SECONDS):
            job = event.job or job
            if event.artifact is not None:
                texts[event.artifact.name], data[event.artifact.name] = event.text, event.data
            elif event.kind == "status" and not event.final and ": " in event.text:
                step, _, how = event.text.partition(": ")
                screen.step(step, how, event.fraction)
    if not {"report.md", "report.json"} <= texts.keys():
        raise CliError("the planner ended without a report")
    return Outcome(Report.model_validate(data["report.json"]), texts["report.md"], job)


async def _chaos(stage: Stage, victim: Child, work: asyncio.Future[Outcome], screen: Screen) -> None:
    """Freeze one integrity agent, so that calls wait there, and kill it while they are open."""
    victim.signal(signal.SIGSTOP)
    held = 0
    while not held and not work.done():
        held = next((view.pending for view in await stage.instances() if view.id == victim.name), 0)
        await asyncio.sleep(_POLL)
    victim.signal(signal.SIGKILL)
    await victim.process.wait()
    calls = counted(held, "call")
    screen.note(f"chaos: killed {victim.name} (process {victim.process.pid}) with {calls} in its hands")


def _write(out: Path, outcome: Outcome) -> tuple[Path, Path]:
    paths = (out / "report.md", out / "report.json")
    try:
        paths[0].write_text(outcome.markdown, "utf-8")
        paths[1].write_text(outcome.report.model_dump_json(indent=2) + "\n", "utf-8")
    except OSError as error:
        raise CliError(f"{error.filename}: {error.strerror}", Exit.USAGE, "choose another folder with --out") from None
    return paths


async def _show(console: Console, stage: Stage, outcome: Outcome, paths: tuple[Path, Path], when: str) -> None:
    console.print()
    console.print(Markdown(head(outcome.report)))
    console.print()
    console.print(job_view(await stage.tree(outcome.job)))
    console.print()
    console.print(f"The report: {paths[0]}\n            {paths[1]}", soft_wrap=True)
    console.print(f"\nThe next call{when}:")
    console.print(Text(_curl(stage.mesh), "cyan"), soft_wrap=True)
    command = Path(sys.executable).with_name("meshgate")
    if command.exists():
        line = f"MESHGATE_HOME={stage.home} {command} call classify@1 'MIT OR GPL-3.0-only'"
        console.print("\nOr:")
        console.print(Text(line, "cyan"), soft_wrap=True)


def _curl(run: Run) -> str:
    message = '{"messageId":"1","role":"ROLE_USER","parts":[{"text":"MIT OR GPL-3.0-only"}]}'
    return (
        f"curl -s '{run.gateway}/skills/classify@1' -H 'Authorization: Bearer {run.client_key}' \\\n"
        "  -H 'A2A-Version: 1.0' -H 'Content-Type: application/json' \\\n"
        f'  -d \'{{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{{"message":{message}}}}}\''
    )
