"""What the clients printed, read as what a person would have understood: texts, states and errors."""

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Heard", "by_adk", "by_agent_framework", "by_sdk", "by_sdk_0_3"]

Tree = dict[str, Any]


class Heard(NamedTuple):
    """What a client made of the conversation; None is what its interface does not have."""

    unary: str
    """The text of the answer."""
    stream: list[str]
    """The chunks of a stream."""
    message: list[str]
    """The text of a message that is no task, unary and by a stream."""
    turns: list[str]
    """The question, and the answer once it was answered."""
    received: list[Tree] | None
    """What the desk says it got beside the text."""
    get: str | None
    """The state of a task that was read again."""
    cancel: list[str] | None
    """The states of a task that was cancelled, as its follower saw them, and as the cancellation was answered."""
    failed: str
    """The state of a task that failed, or the text in its place."""
    kept: str
    """The text of the first answer, as it is found again: in the task that was read, or in a session."""
    listed: bool | None = None
    """Whether the list of a conversation's tasks is the one task that it has."""


Reader = Callable[[Tree], Heard]


def _parts(task: Tree, name: str) -> list[Tree]:
    return [
        part for artifact in task.get("artifacts", ()) if artifact["artifactId"] == name for part in artifact["parts"]
    ]


def _text(task: Tree) -> str:
    return "".join(part["text"] for part in _parts(task, "result"))


def by_sdk(document: Tree) -> Heard:
    """Of an SDK whose events are A2A's own."""
    (unary,) = document["unary"]
    (asking,), (answered,) = document["turns"]
    (received,) = _parts(unary["task"], "received")
    chunks = [event["artifactUpdate"]["artifact"]["parts"] for event in document["stream"] if "artifactUpdate" in event]
    followed = [event.get("task") or event["statusUpdate"] for event in document["subscribe"]]
    return Heard(
        unary=_text(unary["task"]),
        stream=[part["text"] for parts in chunks for part in parts],
        message=[part["text"] for (event,) in document["message"] for part in event["message"]["parts"]],
        turns=[asking["task"]["status"]["message"]["parts"][0]["text"], _text(answered["task"])],
        received=received["data"]["parts"],
        get=document["get"]["status"]["state"],
        cancel=[each["status"]["state"] for each in (*followed, document["cancel"][1])],
        failed=document["failed"]["status"]["state"],
        kept=_text(document["get"]),
        listed=document["listed"] == [{name: asking["task"][name] for name in ("id", "contextId")}],
    )


def by_sdk_0_3(document: Tree) -> Heard:
    """Of an SDK whose events are those of A2A 0.3. States have the names of 1.0."""

    def state(event: Tree) -> str:
        return "TASK_STATE_" + str(event["status"]["state"]).replace("-", "_").upper()

    (unary,) = document["unary"]
    (asking,), (answered,) = document["turns"]
    (received,) = _parts(unary, "received")
    chunks = [event["artifact"]["parts"] for event in document["stream"] if event["kind"] == "artifact-update"]
    return Heard(
        unary=_text(unary),
        stream=[part["text"] for parts in chunks for part in parts],
        message=[part["text"] for (event,) in document["message"] for part in event["parts"]],
        turns=[asking["status"]["message"]["parts"][0]["text"], _text(answered)],
        received=received["data"]["parts"],
        get=state(document["get"]),
        cancel=[state(each) for each in (*document["subscribe"], document["cancel"][1])],
        failed=state(document["failed"]),
        kept=_text(document["get"]),
    )


def by_adk(document: Tree) -> Heard:
    """Of ADK: texts of its events, without those that it takes for thoughts. A question is a call of a function."""

    def texts(events: list[Tree]) -> list[str]:
        return [part["text"] for event in events for part in event.get("parts", ()) if not part.get("thought")]

    def last(events: list[Tree]) -> str:
        return str(events[-1]["response"]["status"]["state"])

    asking, answered = document["turns"]
    (question,) = [
        part["function_call"]["args"]["input_required"] for event in asking for part in event.get("parts", ())
    ]
    return Heard(
        unary="".join(texts(document["unary"])),
        stream=texts(document["stream"]),
        message=[text for events in document["message"] for text in texts(events)],
        turns=[question, "".join(texts(answered))],
        received=None,
        get=None,
        cancel=None,
        failed=last(document["failed"]),
        kept=texts(document["session"])[-1],
    )


def by_agent_framework(document: Tree) -> Heard:
    """Of Agent Framework: the texts of its responses; the state of a task is whether it can be gone on with."""
    (unary,) = document["unary"]
    (asking,), (answered,) = document["turns"]
    waiting, polled = document["get"]
    (greeting,), (update,) = document["message"]
    return Heard(
        unary=unary["text"],
        stream=[content["text"] for update in document["stream"] for content in update["contents"]],
        message=[greeting["text"], update["contents"][0]["text"]],
        turns=[asking["text"], answered["text"]],
        received=None,
        get="goes on" if waiting["continuation"] == polled["continuation"] is not None else "ended",
        cancel=None,
        failed=document["failed"]["text"],
        kept=unary["text"],
    )
