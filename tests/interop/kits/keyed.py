"""A proxy for kits that can send no key: it adds one. Its arguments: its port, where requests go, and the key.

Kits write to ``/a2a/v1/`` below the URL they are given, whatever the card says; that is taken away.
"""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

PORT, UPSTREAM, KEY = int(sys.argv[1]), sys.argv[2], sys.argv[3]
ANEW = {"authorization", "connection", "content-length", "transfer-encoding"}
CLIENT = httpx.AsyncClient(timeout=60)


async def passed(request: Request) -> StreamingResponse:
    """One request."""
    headers = {name: value for name, value in request.headers.items() if name not in ANEW}
    headers["authorization"] = f"Bearer {KEY}"
    path = request.url.path.replace("/a2a/v1/", "/").replace("/a2a/v1", "/")
    url = httpx.URL(UPSTREAM + path, query=request.url.query.encode())
    sent = CLIENT.build_request(request.method, url, headers=headers, content=await request.body())
    answer = await CLIENT.send(sent, stream=True)
    told = {name: value for name, value in answer.headers.items() if name not in ANEW}
    return StreamingResponse(answer.aiter_raw(), answer.status_code, told)


@asynccontextmanager
async def closing(_: Starlette) -> AsyncGenerator[None]:
    """Close connections at the end."""
    yield
    await CLIENT.aclose()


VERBS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]
uvicorn.run(
    Starlette(routes=[Route("/{rest:path}", passed, methods=VERBS)], lifespan=closing),
    host="127.0.0.1",
    port=PORT,
    log_level="warning",
)
