"""Opens the record of a call before anything can refuse it, and closes it however the call ends."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import AccessError, MeshError, RefusedError
from meshgate.a2a.mesh import headers
from meshgate.a2a.outcome import Head, Outcome
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Reply
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.observe.records import CallRecord, Records, Usage

__all__ = ["Arrived", "Record"]


class Arrived(msgspec.Struct, frozen=True):
    """The fact of how a call came in."""

    binding: str


_JSONRPC = Arrived("JSONRPC")


class Record:
    """First of all: what is refused later must still be on record."""

    name = "record"

    def __init__(self, records: Records, metrics: Metrics) -> None:
        self._records = records
        self._metrics = metrics

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        arrived = call.fact(Arrived) or _JSONRPC
        record = self._records.open_call(call.method.name, arrived.binding, call.target.text if call.target else "")
        call = msgspec.structs.replace(call, id=record.id, facts={**call.facts, CallRecord: record})
        try:
            reply = await forward(call)
        except BaseException as error:
            self._close(record, error)
            raise
        reply.head = Head({**reply.head.headers, **_names(record)})

        def note(event: Payload) -> Payload:
            _note(record, event)
            return event

        def ended(outcome: Outcome) -> None:
            self._close(record, outcome.error, outcome.state)

        return reply.map(note).on_end(ended)

    def _close(self, record: CallRecord, error: BaseException | None, state: str = "failed") -> None:
        outcome, code, message = state, "", ""
        if isinstance(error, RefusedError | AccessError):
            outcome = "refused"
        elif isinstance(error, asyncio.CancelledError | GeneratorExit):
            outcome = "cancelled"
        if isinstance(error, MeshError):
            code, message = error.code, error.message
        elif outcome == "failed":
            code, message = "INTERNAL_ERROR", "internal error"
        self._records.close_call(record, outcome, code, message)
        self._metrics.call(record.agent, record.method, record.binding, outcome, record.duration or 0.0)


def _names(record: CallRecord) -> dict[str, str]:
    found = {headers.CALL: record.id}
    if record.job:
        found[headers.JOB] = record.job
    if record.instance:
        found[headers.INSTANCE] = record.instance
    return found


def _note(record: CallRecord, event: Payload) -> None:
    tree = event.tree()
    if "status" in tree:
        _note_task(record, tree["id"], tree)
    elif "task" in tree:
        _note_task(record, tree["task"]["id"], tree["task"])
    elif "statusUpdate" in tree:
        _note_task(record, tree["statusUpdate"]["taskId"], tree["statusUpdate"])
    elif "message" in tree:
        _note_usage(record, tree["message"].get("metadata"))


def _note_task(record: CallRecord, task: str, tree: dict[str, Any]) -> None:
    record.task, record.task_state = task, tree["status"]["state"]
    _note_usage(record, tree.get("metadata"))


def _note_usage(record: CallRecord, metadata: dict[str, Any] | None) -> None:
    if metadata and headers.USAGE in metadata:
        try:
            record.usage = msgspec.convert(metadata[headers.USAGE], Usage)
        except msgspec.ValidationError:
            return  # what an agent says of itself is advice, and this is none
