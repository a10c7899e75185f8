import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
for name in ("grpc", "a2a", "google", "aiohttp", "httpx", "opentelemetry"):
    sys.modules[name] = None
from meshgate.a2a import methods, cards, payload, selector
from meshgate.a2a.bindings import jsonrpc, sse
from meshgate.a2a.mesh import lineage, task_ids
from meshgate.net import asgi
request = payload.JsonPayload(methods.METHODS["GetTask"].request, {"id": "t"})
body = jsonrpc.encode_call(methods.METHODS["GetTask"], request, "1")
print(jsonrpc.decode_call(jsonrpc.decode_envelope(body), {}, None).task_id, len(request.digest()))
"""


@pytest.mark.requirement("a2a.base")
def test_json_rpc_needs_neither_grpc_nor_protobuf_nor_the_a2a_sdk() -> None:
    path = os.pathsep.join(str(ROOT / folder) for folder in ("protos", "sdk"))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert done.stdout == "t 32\n", done.stderr
