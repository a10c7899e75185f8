"""The views of a running call: live progress for people, JSON lines for programs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from meshgate.a2a.errors import MeshError
from meshgate.a2a.types import Artifact, Part, TaskState
from meshgate.cli.console import err, plain
from meshgate.cli.views.tables import seconds
from meshgate.sdk.client.results import Event, Result
from meshgate.sdk.client.usage import Usage

__all__ = ["Lines", "People", "Shown"]


class Shown(Protocol):
    """Shows one call. It is a context manager, so that a live display always ends."""

    task_id: str
    job: str
    call_id: str
    in_mesh: float | None
    """Seconds that the call took at the gateway, if that is known."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def event(self, event: Event) -> None:
        """Show one event of a stream."""
        ...

    def result(self, result: Result) -> None:
        """Show a whole answer."""
        ...

    def failed(self, error: MeshError) -> None:
        """Show the error that ended the call."""
        ...

    def end(self) -> None:
        """Show that the call ended without an error."""
        ...


class Lines:
    """A2A's events as JSON lines, each with the mesh's ids under ``meshgate``. An error is the last line."""

    def __init__(self) -> None:
        self.task_id = self.job = self.call_id = ""
        self.in_mesh: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def event(self, event: Event) -> None:
        """See ``Shown``."""
        self.task_id = event.task_id or self.task_id
        self._line(msgspec.to_builtins(event.raw), event)

    def result(self, result: Result) -> None:
        """See ``Shown``."""
        value = {"task": result.task} if result.task is not None else {"message": result.message}
        self._line(msgspec.to_builtins(value), result)

    def failed(self, error: MeshError) -> None:
        """See ``Shown``."""
        told: dict[str, Any] = {"code": error.code, "message": error.message}
        if error.retry_after is not None:
            told["retryAfter"] = error.retry_after
        if error.job:
            told["job"] = error.job
        self._print({"error": told | ({"metadata": error.metadata} if error.metadata else {})})

    def end(self) -> None:
        """See ``Shown``."""

    def _line(self, tree: dict[str, Any], origin: Event | Result) -> None:
        self.job = origin.job or self.job
        ids = {"job": origin.job, "call": origin.call_id, "instance": origin.instance}
        self._print({**tree, "meshgate": ids})

    def _print(self, tree: dict[str, Any]) -> None:
        print(msgspec.json.encode(tree).decode(), flush=True)


class People:
    """Results on standard output as they come; progress and the end of the call on standard error.

    Args:
        selector: what is called.
        clock: monotonic seconds.
        artifact: the only artifact to print.
    """

    def __init__(self, selector: str, clock: Callable[[], float], artifact: str = "") -> None:
        self.task_id = self.job = self.call_id = ""
        self.in_mesh: float | None = None
        self._selector, self._only, self._clock = selector, artifact, clock
        self._began = clock()
        self._instance = ""
        self._usage: Usage | None = None
        self._waits = False
        self._context = ""
        self._console = err()
        self._terminal = sys.stdout.isatty()
        self._printed: set[str] = set()
        self._texts: dict[str, str] = {}
        """The text of each artifact that was shown, by its id."""
        self._last = ""
        self._open_line = False
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        self._progress = Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        )
        self._line: TaskID = self._progress.add_task(f"calling {plain(selector)}", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        self._close_line()
        if self.job:
            self._console.print(self._footer(), soft_wrap=True)

    def event(self, event: Event) -> None:
        """See ``Shown``."""
        self._origin(event)
        self.task_id = event.task_id or self.task_id
        self._usage = event.usage or self._usage
        self._waits = event.final and event.state in (TaskState.INPUT_REQUIRED, TaskState.AUTH_REQUIRED)
        if event.kind == "message":
            self._parts(event.raw.message.parts if isinstance(event.raw.message, msgspec.Struct) else [])
        elif event.artifact is not None:
            self._artifact(event.artifact, append=event.append)
        elif event.task is not None:
            self._context = event.task.context_id
            for artifact in event.task.artifacts:
                self._artifact(artifact, append=False)
        if event.status is not None:
            self._status(event)

    def result(self, result: Result) -> None:
        """See ``Shown``."""
        self._origin(result)
        self._usage, self._waits = result.usage, result.waits
        self._context = result.context_id
        if result.task is not None:
            self.task_id = result.task.id
        if result.message is not None:
            self._parts(result.message.parts)
        for artifact in result.artifacts:
            self._artifact(artifact, append=False)
        if not self._printed and result.message is None and result.text:
            self._write(result.text)

    def failed(self, error: MeshError) -> None:
        """See ``Shown``."""
        self.job = self.job or error.job or error.metadata.get("job", "")

    def end(self) -> None:
        """See ``Shown``."""
        self._close_line()
        if self._only and self._only not in self._printed:
            names = ", ".join(sorted(self._printed)) or "none"
            self._note(f"there is no artifact {self._only!r} in the answer, only: {names}")
        if self._waits:
            selector = shlex.quote(self._selector)  # a shell would look for files that 'buy@*' fits
            self._note(f"The agent waits for an answer: meshgate call {selector} TEXT --task {self.task_id}")

    def _origin(self, origin: Event | Result) -> None:
        self.job, self.call_id = origin.job or self.job, origin.call_id or self.call_id
        self._instance = origin.instance or self._instance

    def _status(self, event: Event) -> None:
        if event.state in (TaskState.FAILED, TaskState.REJECTED, TaskState.CANCELED):
            return  # the error that follows tells it
        text, ends = event.text, event.final
        if ends and text and not self._printed:
            self._write(text)  # the text of a task that waits or has no artifact
            return
        word = str(event.state or "").removeprefix("TASK_STATE_").lower().replace("_", "-")
        told = " ".join(plain(text).split()) or word
        if event.fraction is not None:
            told += f" ({event.fraction:.0%})"
        if told == self._last or (ends and not text):
            return
        self._last = told
        if self._progress.disable:
            self._note(f"{self._selector}: {told}")
        else:
            self._progress.update(self._line, description=told)

    def _artifact(self, artifact: Artifact, *, append: bool) -> None:
        name = artifact.name or artifact.artifact_id
        if self._only and self._only not in (artifact.name, artifact.artifact_id):
            self._printed.add(name)
            return
        text = _text_of(artifact)
        shown = self._texts.get(artifact.artifact_id)
        self._texts[artifact.artifact_id] = (shown or "") + (text or "") if append else text or ""
        if shown and not append and text is not None and text.startswith(shown):
            self._write(text[len(shown) :])  # the pieces that came before are sent once more, as a whole
            return
        if self._printed and not append and not self._only:
            self._close_line()
            self._note(f"artifact {plain(name)}")
        self._printed.add(name)
        self._parts(artifact.parts)

    def _parts(self, parts: list[Part]) -> None:
        for part in parts:
            if isinstance(part.text, str):
                self._write(part.text)
            elif isinstance(part.raw, str):
                size = len(part.raw) * 3 // 4 - part.raw.count("=")
                name = plain(part.filename or part.media_type or "a file")
                self._note(f"{name}: {size} bytes that are no text; --json prints them as base64")
            elif isinstance(part.url, str):
                self._write(part.url + "\n")
            elif part.data is not msgspec.UNSET:
                self._write(json.dumps(part.data, indent=2, ensure_ascii=False) + "\n")

    def _write(self, text: str) -> None:
        if not text:
            return
        if self._terminal:
            self._progress.stop()  # a moving line would garble the text above it
            text = plain(text)
        sys.stdout.write(text)
        sys.stdout.flush()
        self._open_line = not text.endswith("\n")

    def _close_line(self) -> None:
        if self._open_line:
            sys.stdout.write("\n")
            sys.stdout.flush()
            self._open_line = False

    def _note(self, text: str) -> None:
        self._console.print(Text(text, "dim"), soft_wrap=True)

    def _footer(self) -> Text:
        took = seconds(self._clock() - self._began)
        inside = f" ({seconds(self.in_mesh)} of it in the mesh)" if self.in_mesh is not None else ""
        facts = [took + inside, self._instance]
        usage = self._usage
        if usage is not None and usage.cost_usd:
            facts.append(f"${usage.cost_usd:.4f}")
        return Text(f"{', '.join(plain(fact) for fact in facts if fact)}; meshgate job {plain(self.job)}", "dim")


def _text_of(artifact: Artifact) -> str | None:
    """The text of an artifact; None if it has anything else."""
    texts = [part.text for part in artifact.parts if isinstance(part.text, str)]
    return "".join(texts) if len(texts) == len(artifact.parts) else None
