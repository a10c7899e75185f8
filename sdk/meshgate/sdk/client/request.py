"""The arguments of a call, and the request that is made of them: message, path and headers."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, cast
from urllib.parse import quote

import msgspec

from meshgate.a2a import errors
from meshgate.a2a.mesh import headers
from meshgate.a2a.selector import parse_selector
from meshgate.a2a.types import Message, Part, Role, SendMessageConfiguration, SendMessageRequest
from meshgate.a2a.version_syntax import parse_version
from meshgate.sdk.client.usage import Budget
from meshgate.sdk.option_check import TEXT, Rule, check_options, is_list, is_number
from meshgate.sdk.skills.content import data_part, is_protobuf_class, raw_part, text_part
from meshgate.sdk.skills.contract import JSON, PROTOBUF, Contract
from meshgate.sdk.skills.media_types import contract_of

__all__ = [
    "CallArguments",
    "CallOptions",
    "check_arguments",
    "headers_of",
    "message_of",
    "path_of",
    "request_of",
]

_SAFE_IN_PATH = "@,=*~:."


class CallOptions(TypedDict, total=False):
    """Options of any call: the keyword arguments of generated clients."""

    deadline: float | None
    """Seconds to wait at most (60 without it). Inside a skill never longer than its own caller waits."""
    budget: Budget | None
    """The most that the whole job may use; only the call that opens a job sets one."""
    context_id: str
    """The conversation to continue."""
    metadata: Mapping[str, Any]
    """The message's metadata."""


class CallArguments(CallOptions, total=False):
    """The keyword arguments of ``Mesh.call``, ``Mesh.stream``, ``Context.call`` and ``Context.stream``."""

    text: str | None
    """The text to send. ``text``, ``data`` or ``message`` is needed; several of them are parts of one message."""
    data: object
    """A pydantic model, a protobuf message, a dataclass or plain data, sent as a JSON value."""
    contract: Contract | None
    """The contract of ``data``, by which the gateway converts between releases of the skill. Data whose class has an
    attribute ``CONTRACT``, as generated clients have, does not need it."""
    schema_version: str
    """The release of the skill's contract to answer in, where no ``contract`` says it: ``1.2.0``."""
    raw: bool
    """Send ``data``, a protobuf message, in its binary form."""
    accept: Sequence[str]
    """Media types to answer in, best first: ``["application/protobuf"]`` wants the binary form."""
    message: Message | Sequence[Part] | None
    """A whole message, or its parts."""
    skill: str
    """Which skill of the agent that is called by name."""
    task_id: str
    """The task that asked something, to answer it."""


_RULES: dict[str, Rule] = {
    "deadline": (is_number, "a number of seconds"),
    "budget": (lambda value: isinstance(value, Budget), "a Budget, such as Budget(calls=20, seconds=30)"),
    "context_id": TEXT,
    "metadata": (lambda value: isinstance(value, Mapping), "a mapping"),
    "text": TEXT,
    "contract": (lambda value: isinstance(value, Contract), "a Contract"),
    "schema_version": TEXT,
    "raw": (lambda value: isinstance(value, bool), "True or False"),
    "accept": (is_list, 'a list of media types, such as ["application/json"]'),
    "message": (lambda value: isinstance(value, Message) or is_list(value), "a Message, or a list of parts"),
    "skill": TEXT,
    "task_id": TEXT,
}
_NAMES = (*_RULES, "data")


def check_arguments(where: str, arguments: CallArguments) -> None:
    """Refuse keyword arguments of a call that are misspelt or of the wrong kind.

    Raises:
        TypeError: which one, and what is wanted.
    """
    check_options(where, arguments, _NAMES, _RULES)


def path_of(selector: str, arguments: CallArguments) -> str:
    """The path of a gateway's URL under which a call goes to ``selector``.

    Raises:
        InvalidParams: it cannot be read, or there is neither it nor a task.
    """
    if not selector:
        if not arguments.get("task_id"):
            raise errors.InvalidParams("say what to call: an agent's name, or a skill with '@', such as summarise@2")
        return "/"
    kind = "skills" if parse_selector(selector).skill else "agents"
    if kind == "skills" and arguments.get("skill"):
        raise errors.InvalidParams(f"{selector[:64]!r} names a skill already: leave skill= out, or name the agent")
    return f"/{kind}/{quote(selector, safe=_SAFE_IN_PATH)}"


def headers_of(arguments: CallArguments) -> dict[str, str]:
    """The headers of a call beside those that every call has.

    Raises:
        InvalidParams: ``schema_version`` is no version.
    """
    budget, version = arguments.get("budget"), arguments.get("schema_version", "")
    if version:
        parse_version(version)
    found = {headers.BUDGET: budget.header()} if budget is not None and budget.header() else {}
    return found | ({headers.SCHEMA_VERSION: version} if version else {})


def message_of(arguments: CallArguments) -> Message:
    """The message that is sent.

    Raises:
        InvalidParams: there is nothing to send, or it cannot be sent.
    """
    given = arguments.get("message")
    context_id, task_id = arguments.get("context_id", ""), arguments.get("task_id", "")
    metadata = dict(arguments.get("metadata", {}))
    if skill := arguments.get("skill"):
        metadata[headers.SKILL_KEY] = skill
    parts = _parts_of(arguments)
    if isinstance(given, Message):
        return msgspec.structs.replace(
            given,
            parts=parts,
            context_id=context_id or given.context_id,
            task_id=task_id or given.task_id,
            metadata={**given.metadata, **metadata},
        )
    return Message(
        message_id=secrets.token_hex(16),
        role=Role.USER,
        parts=parts,
        context_id=context_id,
        task_id=task_id,
        metadata=metadata,
    )


def _parts_of(arguments: CallArguments) -> list[Part]:
    given = arguments.get("message")
    parts = list(given.parts if isinstance(given, Message) else given or ())
    text, data = arguments.get("text"), arguments.get("data")
    if text is not None:
        parts.append(text_part(text))
    if data is not None:
        parts.append(_data_part(data, arguments))
    if not parts:
        raise errors.InvalidParams("say something: text=, data= or message=")
    return parts


def request_of(arguments: CallArguments, *, return_immediately: bool = False) -> SendMessageRequest:
    """The request that is sent.

    Raises:
        InvalidParams: see :func:`message_of`.
    """
    accept = list(arguments.get("accept", ()))
    configuration = None
    if accept or return_immediately:
        configuration = SendMessageConfiguration(accepted_output_modes=accept, return_immediately=return_immediately)
    return SendMessageRequest(message=message_of(arguments), configuration=configuration)


def _data_part(data: Any, arguments: CallArguments) -> Part:
    contract = arguments.get("contract") or contract_of(data)
    if not arguments.get("raw", False):
        return data_part(data, contract.media(JSON) if contract is not None else "")
    if not is_protobuf_class(cast("type[object]", type(data))):
        raise errors.InvalidParams("raw=True sends a protobuf message, and data is something else")
    contract = contract or Contract(data.DESCRIPTOR.full_name)
    return raw_part(data.SerializeToString(), contract.media(PROTOBUF))
