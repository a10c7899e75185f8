"""What every client is asked to say, and what the desk answers whoever reaches it."""

import base64
from typing import Any

__all__ = [
    "BOOKED",
    "ERRORS",
    "GREETING",
    "QUESTION",
    "RECEIVED",
    "RECEIVED_0_3",
    "RECEIVED_0_3_GRPC",
    "SAYS",
    "UNKNOWN",
    "Error",
]

Tree = dict[str, Any]

DATA: Tree = {"n": 3, "half": 0.5, "big": 2**53, "deep": [None, True, [], {"ключ": "Grüße, 世界"}], "empty": {}}
RAW = bytes(range(256))
UNKNOWN = "no-such-task"
GREETING = "Good day, Ann"
QUESTION, BOOKED = "For how many?", "A table at Noma for four"

SAYS: dict[str, list[Tree]] = {
    "unary": [
        {"text": "shout hello"},
        {"data": DATA, "mediaType": "application/json"},
        {"raw": base64.b64encode(RAW).decode(), "mediaType": "application/octet-stream", "filename": "ü.bin"},
    ],
    "stream": [{"text": "count 3"}],
    "ask": [{"text": "book Noma"}],
    "answer": [{"text": "four"}],
    "wait": [{"text": "wait"}],
    "fail": [{"text": "nonsense"}],
    "greet": [{"text": "Ann"}],
}
"""The parts of each message. A client whose messages are texts says the first part alone."""

RECEIVED: list[Tree] = [
    {"data": DATA, "mediaType": "application/json", "filename": ""},
    {"raw": RAW.hex(), "mediaType": "application/octet-stream", "filename": "ü.bin"},
]
"""What the desk says that it received beside the text."""

RECEIVED_0_3: list[Tree] = [{**RECEIVED[0], "mediaType": ""}, RECEIVED[1]]
"""The same of a client of A2A 0.3, whose data have no media type."""

_SOUND: Tree = {**DATA, "deep": [each for each in DATA["deep"] if each is not None]}
RECEIVED_0_3_GRPC: list[Tree] = [
    {**RECEIVED_0_3[0], "data": _SOUND},
    {**RECEIVED[1], "filename": ""},
]
"""The same of JavaScript's over gRPC, which sends no null and no name of a file."""

Error = tuple[str, int, str]
"""A2A's reason, JSON-RPC's code, and the name that the SDKs' classes have in common."""

_NOT_FOUND: Error = ("TASK_NOT_FOUND", -32001, "TaskNotFound")
ERRORS: dict[str, Error] = {
    "unknown": _NOT_FOUND,
    "ended": ("TASK_NOT_CANCELABLE", -32002, "TaskNotCancelable"),
    "unary": _NOT_FOUND,
    "stream": _NOT_FOUND,
    "key": ("UNAUTHENTICATED", -31021, "Unauthenticated"),
}
"""What is refused: GetTask and messages for an unknown task, CancelTask for an ended one, a wrong key."""
