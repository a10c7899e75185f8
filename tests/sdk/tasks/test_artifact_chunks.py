"""Large artifacts in several events: no event is too large, and what is read is what was said."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.types import Artifact, Part, StreamResponse, Task, TaskArtifactUpdateEvent, TaskState, TaskStatus
from meshgate.sdk.tasks.artifact_chunks import in_chunks
from meshgate.sdk.tasks.task_state import TaskProjection

pytestmark = pytest.mark.requirement("sdk.large_artifacts")

MOST = 4096


def _repeated(text: str, times: int) -> str:
    return text * times


def _encoded(data: bytes, times: int) -> str:
    return base64.b64encode(data * times).decode()


texts = st.builds(_repeated, st.text(max_size=20), st.integers(0, 600))
raws = st.builds(_encoded, st.binary(max_size=8), st.integers(0, 900))
named: dict[str, Any] = {"media_type": st.sampled_from(["", "text/csv"]), "filename": st.sampled_from(["", "a.csv"])}
metadata: Any = st.sampled_from([{}, {"k": 1}])
parts = st.one_of(
    st.builds(Part, text=texts, metadata=metadata, **named),
    st.builds(Part, raw=raws, **named),
    st.builds(Part, data=st.none() | st.integers()),
)


def update(*content: Part, append: bool = False, last: bool = False) -> StreamResponse:
    artifact = Artifact("a", list(content), "name", "what it is", {"k": 1})
    return StreamResponse(artifact_update=TaskArtifactUpdateEvent("t", artifact, "c", append=append, last_chunk=last))


def chunks_of(event: StreamResponse) -> list[Any]:
    """The artifact updates that an event becomes."""
    return [chunk.artifact_update for chunk in in_chunks(event, MOST)]


def read(*events: StreamResponse) -> list[Artifact]:
    task = TaskProjection(Task("t", TaskStatus(TaskState.WORKING)))
    for event in events:
        task.apply(event)
    return task.snapshot().artifacts


@given(st.lists(parts, min_size=1, max_size=4), st.lists(parts, min_size=1, max_size=3))
def test_no_event_is_too_large_and_the_artifact_is_the_same(first: list[Part], second: list[Part]) -> None:
    events = [update(*first), update(*second, append=True, last=True)]
    chunks = [chunk for event in events for chunk in in_chunks(event, MOST)]
    assert max(len(msgspec.json.encode(chunk)) for chunk in chunks) <= MOST
    assert read(*chunks) == read(*events)


def test_what_has_room_is_left_as_it_is() -> None:
    event = update(Part(text="x" * 512))
    assert list(in_chunks(event, MOST)) == [event]
    status = StreamResponse(
        task=Task("t", TaskStatus(TaskState.WORKING), artifacts=[Artifact("a", [Part(text="x" * 9_999)])])
    )
    assert list(in_chunks(status, MOST)) == [status]


def test_the_first_chunk_begins_and_the_last_one_ends() -> None:
    told = [(chunk.append, chunk.last_chunk) for chunk in chunks_of(update(Part(text="x" * 1100), last=True))]
    assert told == [(False, False), (True, False), (True, True)]


def test_bytes_are_cut_where_each_piece_is_base64_and_say_that_they_go_on() -> None:
    data = bytes(range(256)) * 10
    sent = update(Part(raw=base64.b64encode(data).decode(), filename="a.bin", media_type="image/png"))
    pieces: list[Part] = [chunk.artifact.parts[0] for chunk in chunks_of(sent)]
    assert b"".join(base64.b64decode(str(piece.raw), validate=True) for piece in pieces) == data
    assert [piece.metadata for piece in pieces] == [{}] + [{"meshgate/continues": True}] * (len(pieces) - 1)
    assert {(piece.filename, piece.media_type) for piece in pieces} == {("a.bin", "image/png")}


@pytest.mark.parametrize(
    "part",
    [Part(data="x" * 5000), Part(text="x" * 5000, media_type="application/json; type=p.A; version=1.0.0")],
    ids=["a JSON value", "of a contract"],
)
def test_what_cannot_be_cut_is_one_event(part: Part) -> None:
    assert list(in_chunks(update(part), MOST)) == [update(part)]


@pytest.mark.parametrize("mark", [False, "yes", 1])
def test_only_a_part_that_says_so_goes_on_with_the_one_before(mark: object) -> None:
    one, other = Part(raw="AAAA"), Part(raw="BBBB", metadata={"meshgate/continues": mark})
    (artifact,) = read(update(one), update(other, append=True))
    assert len(artifact.parts) == 2
    # It goes on with a part of its own kind alone.
    (artifact,) = read(
        update(Part(text="a", filename="f")),
        update(Part(raw="AAAA", metadata={"meshgate/continues": True}), append=True),
    )
    assert len(artifact.parts) == 2
