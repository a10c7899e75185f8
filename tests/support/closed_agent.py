"""A stock A2A server over TLS that answers nobody without its credential, and a server of OAuth 2 beside it."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ipaddress
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import grpc
import uvicorn
from a2a.helpers import new_text_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler, GrpcHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import AgentCard, a2a_pb2_grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.protobuf import json_format
from starlette.applications import Starlette

from meshgate.net.server import bind_one

__all__ = ["Authority", "ClosedAgent", "TokenServer"]

_generated: Any = a2a_pb2_grpc  # without annotations


class Authority:
    """A certificate authority of its own: ``ca.pem``, and a certificate of it for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.ca, self.certificate, self.key = folder / "ca.pem", folder / "server.pem", folder / "server.key"
        root_key, root = self._root()
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            self._named("agent", key)
            .issuer_name(root.subject)
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
                ),
                critical=False,
            )
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        self.ca.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        self.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def _root(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        named = self._named("a test's authority", key)
        made = (
            named.issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's authority")]))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return key, made

    @staticmethod
    def _named(name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
            .not_valid_after(dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
        )


class _Greeter(AgentExecutor):
    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        await event_queue.enqueue_event(new_text_message(f"Hello, {context.get_user_input()}!"))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError


Lets = Callable[[Mapping[str, str], str], bool]
"""Whether a request is let in, by its headers (or metadata) and its query."""


class ClosedAgent:
    """The agent ``closed``.

    Args:
        lets: who is let in.
        schemes: the card's ``securitySchemes``.
        card_closed: whether its card is shown only to those who are let in.
        authority: gives its certificate; without one it speaks no TLS.
        streaming: whether it streams.
    """

    def __init__(
        self,
        lets: Lets,
        schemes: Mapping[str, Any],
        authority: Authority | None = None,
        *,
        card_closed: bool = False,
        streaming: bool = True,
    ) -> None:
        self._lets, self._schemes, self._authority = lets, dict(schemes), authority
        self._card_closed, self._streaming = card_closed, streaming
        self.refused = 0
        self.shown: list[Mapping[str, str]] = []
        """The headers, or metadata, of the calls that were let in."""

    def _handler(self, urls: list[tuple[str, str]]) -> tuple[DefaultRequestHandler, AgentCard]:
        card = json_format.ParseDict(
            {
                "name": "closed",
                "description": "greets whom it knows",
                "version": "1.0.0",
                "supportedInterfaces": [
                    {"url": url, "protocolBinding": binding, "protocolVersion": "1.0"} for url, binding in urls
                ],
                "capabilities": {"streaming": self._streaming},
                "defaultInputModes": ["text/plain"],
                "defaultOutputModes": ["text/plain"],
                "skills": [{"id": "greet", "name": "Greet", "description": "greets", "tags": ["greeting"]}],
                "securitySchemes": self._schemes,
            },
            AgentCard(),
        )
        return DefaultRequestHandler(_Greeter(), InMemoryTaskStore(), card), card

    @asynccontextmanager
    async def serve(self) -> AsyncGenerator[str]:
        """Serve it over HTTP; its base URL."""
        socket = bind_one("127.0.0.1", 0, "port")
        scheme = "http" if self._authority is None else "https"
        url = f"{scheme}://127.0.0.1:{socket.getsockname()[1]}"
        handler, card = self._handler([(f"{url}/", "JSONRPC")])
        inner = Starlette(routes=[*create_agent_card_routes(card), *create_jsonrpc_routes(handler, "/")])
        async with _serving(self._guarded(inner), socket, self._authority):
            yield url

    @asynccontextmanager
    async def serve_grpc(self) -> AsyncGenerator[str]:
        """Serve it over gRPC, its card over HTTP; the base URL of the card."""
        assert self._authority is not None
        server = grpc.aio.server(interceptors=[_Interceptor(self)])
        pair = (self._authority.key.read_bytes(), self._authority.certificate.read_bytes())
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        handler, card = self._handler([(f"127.0.0.1:{port}", "GRPC")])
        _generated.add_A2AServiceServicer_to_server(GrpcHandler(handler), server)
        socket = bind_one("127.0.0.1", 0, "port")
        await server.start()
        try:
            async with _serving(Starlette(routes=create_agent_card_routes(card)), socket, self._authority):
                yield f"https://127.0.0.1:{socket.getsockname()[1]}"
        finally:
            await asyncio.shield(server.stop(0.1))

    def admits(self, headers: Mapping[str, str], query: str = "") -> bool:
        """Whether a call is let in; notes it."""
        if self._lets(headers, query):
            self.shown.append(headers)
            return True
        self.refused += 1
        return False

    def _guarded(self, inner: Any) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and (self._card_closed or scope["method"] == "POST"):
                headers = {name.decode(): value.decode() for name, value in scope["headers"]}
                if not self.admits(headers, scope["query_string"].decode()):
                    head = {"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]}
                    await send(head)
                    await send({"type": "http.response.body", "body": b""})
                    return
            await inner(scope, receive, send)

        return app


class _Interceptor(grpc.aio.ServerInterceptor):
    def __init__(self, agent: ClosedAgent) -> None:
        self._agent = agent

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        metadata = {name: value for name, value in handler_call_details.invocation_metadata if isinstance(value, str)}
        if "Health" in handler_call_details.method or self._agent.admits(metadata):
            return await continuation(handler_call_details)

        async def refuse(request: Any, context: Any) -> None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")

        made: Any = grpc.unary_unary_rpc_method_handler
        return made(refuse)


class TokenServer:
    """Gives tokens to one client (RFC 6749, section 4.4).

    Attributes:
        given: the tokens that it gave, the newest last.
        asked: what it was asked with.
        stands: seconds that a token stands, as its answers say; None leaves it out.
    """

    def __init__(self, client: str, secret: str, stands: Any = 3600) -> None:
        self._expected = "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()
        self.given: list[str] = []
        self.asked: list[dict[str, list[str]]] = []
        self.stands = stands

    @asynccontextmanager
    async def serve(self) -> AsyncGenerator[str]:
        """Serve it; the URL of tokens."""
        socket = bind_one("127.0.0.1", 0, "port")
        async with _serving(self._app, socket, None):
            yield f"http://127.0.0.1:{socket.getsockname()[1]}/token"

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(parse_qs((await receive())["body"].decode()))
        status, body = 401, b"{}"
        if headers.get("authorization") == self._expected:
            self.given.append(f"token-{len(self.given) + 1}")
            stands = "" if self.stands is None else f',"expires_in":{self.stands}'
            status, body = 200, f'{{"access_token":"{self.given[-1]}","token_type":"Bearer"{stands}}}'.encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def _serving(app: Any, socket: Any, authority: Authority | None) -> AsyncGenerator[None]:
    files = (str(authority.certificate), str(authority.key)) if authority is not None else (None, None)
    config = uvicorn.Config(
        app, log_level="error", ssl_certfile=files[0], ssl_keyfile=files[1], lifespan="off", interface="asgi3"
    )
    server = uvicorn.Server(config)
    running = asyncio.ensure_future(server.serve([socket]))
    while not server.started:  # noqa: ASYNC110 - uvicorn tells by a flag that it has started
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await running
