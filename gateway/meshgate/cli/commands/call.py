"""``meshgate call``: makes one call through the mesh, and shows its progress."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshgate.cli.exits import CliError, Exit

if TYPE_CHECKING:
    from meshgate.cli.views.answer import Shown
    from meshgate.sdk.client.mesh import Mesh
    from meshgate.sdk.client.request import CallArguments
    from meshgate.sdk.client.usage import Budget

__all__ = ["budget_of", "call", "data_of", "text_of"]

_MAX_INPUT = 4 * 1024 * 1024
_CANCEL = 5.0
_ASKED = 1.0
"""Seconds that the mesh may take to say how long the call took."""


def call(  # noqa: PLR0917 - options, which nobody passes by position
    selector: Annotated[str, typer.Argument(help="An agent, or a skill such as 'summarise@^2,region=eu'.")],
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT|-]", help="What to say; '-' reads it from standard input.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="JSON|@FILE", help="A JSON value to send, alone or beside the text.")
    ] = None,
    deadline: Annotated[
        float | None,
        typer.Option(
            min=0.001, metavar="SECONDS", help="Longest wait; the gateway gives at most 900. [dim]\\[default: 60][/dim]"
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="calls=N,seconds=S", help="The most that the whole job may use.")
    ] = None,
    skill: Annotated[str, typer.Option(metavar="NAME", help="Which skill of an agent that has several.")] = "",
    context: Annotated[str, typer.Option(metavar="ID", help="The conversation to continue.")] = "",
    task: Annotated[str, typer.Option(metavar="ID", help="The task that asked something, to answer it.")] = "",
    artifact: Annotated[str, typer.Option(metavar="NAME", help="Print this artifact alone.")] = "",
    stream: Annotated[bool, typer.Option("--stream/--no-stream", help="Event by event, or one answer.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print A2A's own events, one JSON line each.")] = False,
) -> None:
    """Call an agent or a skill, and show how it goes.

    The result goes to standard output, everything about it to standard error. Ctrl-C cancels the task. Exit codes:
    0 done, 1 failed, 2 usage, 3 unreachable, 4 denied, 5 limit reached.

    \b
    Examples:
      meshgate call hello "Good morning"
      meshgate call 'summarise@^2' - --deadline 120 < report.txt
      meshgate call planner "Audit this" --skill review
      meshgate call planner --data '{"depth": 2}' --budget calls=20,seconds=30
      meshgate call planner "Audit this" --json | jq -c .statusUpdate
    """
    from meshgate.cli.views.answer import Lines, People

    words, value = text_of(text), data_of(data)
    if words is None and value is None:
        raise CliError("there is nothing to say", Exit.USAGE, f"meshgate call {selector} TEXT, or '-', or --data JSON")
    said: CallArguments = {
        "text": words,
        "data": value,
        "deadline": deadline,
        "budget": budget_of(budget),
        "context_id": context,
        "task_id": task,
        "skill": skill,
    }
    shown: Shown = Lines() if as_json else People(selector, time.monotonic, artifact=artifact)
    with shown:
        asyncio.run(_call(selector, said, shown, stream=stream))
        shown.in_mesh = _seconds_in_mesh(shown.call_id)


def _seconds_in_mesh(call_id: str) -> float | None:
    """How long a call took at its gateway, where this machine's mesh can be asked; else None."""
    import msgspec

    from meshgate.cli.admin_client import Admin, segment
    from meshgate.registry.home import HomeError

    if not call_id:
        return None
    try:
        with Admin(seconds=_ASKED) as admin:
            found: dict[str, Any] = msgspec.json.decode(admin.raw(f"calls/{segment(call_id)}"))
    except (CliError, HomeError):
        return None  # a caller need not be an operator
    duration = found.get("duration")
    return float(duration) if isinstance(duration, (int, float)) else None


def text_of(given: str | None) -> str | None:
    """The text of a call, read from standard input if it is ``-``.

    Raises:
        CliError: standard input is no text, or too long.
    """
    if given != "-":
        return given
    try:
        found = sys.stdin.buffer.read(_MAX_INPUT + 1).decode()
    except UnicodeDecodeError:
        raise CliError("standard input is no UTF-8 text", Exit.USAGE) from None
    if len(found) > _MAX_INPUT:
        raise CliError(f"standard input has more than {_MAX_INPUT} bytes", Exit.LIMIT, "no message may be larger")
    return found


def data_of(given: str | None) -> Any:
    """The value of ``--data``.

    Raises:
        CliError: the value is no JSON, or the file cannot be read.
    """
    import msgspec

    if given is None:
        return None
    try:
        body = Path(given[1:]).read_bytes() if given.startswith("@") else given.encode()
        return msgspec.json.decode(body)
    except OSError as error:
        raise CliError(f"--data {given}: {error.strerror}", Exit.USAGE) from None
    except msgspec.DecodeError as error:
        raise CliError(
            f"--data is no JSON: {error}", Exit.USAGE, "quote it for the shell: --data '{\"n\": 1}'"
        ) from None


def budget_of(given: str | None) -> Budget | None:
    """The budget of a text such as ``calls=20,seconds=30``; one of the two is enough.

    Raises:
        CliError: the text is no budget.
    """
    from meshgate.sdk.client.usage import Budget

    if given is None:
        return None
    calls: int | None = None
    limit: float | None = None
    try:
        for term in given.split(","):
            name, _, value = term.strip().partition("=")
            match name:
                case "calls":
                    calls = int(value)
                case "seconds":
                    limit = float(value)
                case _:
                    raise ValueError(f"there is no {name!r} in a budget")
        return Budget(calls=calls, seconds=limit)
    except ValueError as error:
        raise CliError(f"--budget {given!r}: {error}", Exit.USAGE, "write --budget calls=20,seconds=30") from None


async def _call(selector: str, said: CallArguments, shown: Shown, *, stream: bool) -> None:
    from meshgate.a2a.errors import MeshError
    from meshgate.cli.transport import OneCall
    from meshgate.sdk.client.mesh import Mesh

    async with Mesh(transport=OneCall()) as mesh:
        try:
            if stream:
                async for event in mesh.stream(selector, **said):
                    shown.event(event)
            else:
                shown.result(await mesh.call(selector, **said))
            shown.end()
        except MeshError as error:
            shown.failed(error)
            raise
        except asyncio.CancelledError:
            raise await _interrupted(mesh, shown, stream=stream) from None


async def _interrupted(mesh: Mesh, shown: Shown, *, stream: bool) -> CliError:
    """The error after Ctrl-C. It cancels the task, if there is one yet."""
    from meshgate.a2a.errors import MeshError

    current = asyncio.current_task()
    if current is not None:
        current.uncancel()
    if not shown.task_id and not stream:
        return CliError("interrupted: the gateway cancels the call", Exit.INTERRUPTED)
    if not shown.task_id:
        remedy = "'meshgate jobs' shows whether it goes on, 'meshgate kill job ID' ends it"
        return CliError("interrupted before a task had begun", Exit.INTERRUPTED, remedy)
    try:
        await mesh.cancel(shown.task_id, deadline=_CANCEL)
    except MeshError as error:
        return CliError(f"interrupted; the task could not be cancelled: {error.message}", Exit.INTERRUPTED)
    return CliError("interrupted: the task is cancelled", Exit.INTERRUPTED)
