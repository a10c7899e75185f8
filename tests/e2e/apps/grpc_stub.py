"""A client of generated code alone: a channel, A2A's stub, metadata.

One JSON line in, A2A's events out, a line each.
"""

import json
import sys
from typing import Any

import grpc
from a2a.types import a2a_pb2, a2a_pb2_grpc
from google.protobuf import json_format
from google.protobuf.message import Message


def show(event: Message, head: Any) -> None:
    """Print an event with the metadata that came with it."""
    tree = {**json_format.MessageToDict(event), "head": dict(head)}
    sys.stdout.write(json.dumps(tree) + "\n")


def main(asked: dict[str, Any]) -> None:
    """Make one call."""
    message = {"messageId": "m-1", "role": "ROLE_USER", "parts": asked["parts"]}
    request = json_format.ParseDict({"message": message}, a2a_pb2.SendMessageRequest())
    metadata = (("authorization", f"Bearer {asked['key']}"), ("a2a-version", "1.0"), ("meshgate-target", asked["to"]))
    with grpc.insecure_channel(asked["grpc"], options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub: Any = a2a_pb2_grpc.A2AServiceStub(channel)  # type: ignore[no-untyped-call]
        if asked["streaming"]:
            events = stub.SendStreamingMessage(request, metadata=metadata, timeout=60)
            for event in events:
                show(event, events.initial_metadata())
        else:
            answer, call = stub.SendMessage.with_call(request, metadata=metadata, timeout=60)
            show(answer, call.initial_metadata())


if __name__ == "__main__":
    main(json.load(sys.stdin))
