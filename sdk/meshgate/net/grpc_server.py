"""The gRPC binding as a ``grpc.aio`` service, for gateway and agents alike. Needs the extra ``grpc``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
import msgspec
import structlog

from meshgate.a2a.bindings import grpc as binding
from meshgate.a2a.call import Call, Handler
from meshgate.a2a.error_lookup import error_class
from meshgate.a2a.errors import HeadersTooLarge, InternalError, InvalidAgentResponse, InvalidParams, MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh import headers
from meshgate.a2a.methods import METHODS, UNSUPPORTED, Method
from meshgate.a2a.payload import Payload
from meshgate.a2a.protocol_version import VERSION_HEADER, check_version
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import Selector, parse_selector

__all__ = ["TARGET_METADATA", "A2AService", "make_server", "stop_server"]

TARGET_METADATA = headers.TARGET
"""Metadata key by which a caller names the agent or skill it wants."""
log = structlog.get_logger(__name__)
_Context = Any  # grpc.aio.ServicerContext, which can be subscripted in its stubs alone


def _target(metadata: Mapping[str, str]) -> Selector | None:
    text = metadata.get(TARGET_METADATA)
    return parse_selector(text) if text else None


class A2AService(grpc.GenericRpcHandler):
    """Serves every method of A2A's service on one handler.

    Args:
        handler: takes each call.
        limits: sizes and times.
        clock: monotonic seconds; deadlines are told on it.
        admit: looks at the metadata before a message is parsed, and raises what refuses the request.
    """

    def __init__(
        self,
        handler: Handler,
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        admit: Callable[[Mapping[str, str]], None] | None = None,
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._clock = clock
        self._admit = admit
        self._methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        for method in METHODS.values():
            behaviour: Any = self._streaming(method) if method.streaming else self._unary(method)
            make = grpc.unary_stream_rpc_method_handler if method.streaming else grpc.unary_unary_rpc_method_handler
            self._methods[binding.method_path(method)] = make(behaviour)
        for name in UNSUPPORTED:
            self._methods[f"/{binding.SERVICE}/{name}"] = grpc.unary_unary_rpc_method_handler(_unbuilt(name))

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of a method, or None for gRPC's own UNIMPLEMENTED."""
        return self._methods.get(handler_call_details.method)

    def _unary(self, method: Method) -> Callable[[bytes, _Context], Awaitable[bytes]]:
        async def unary(body: bytes, context: _Context) -> bytes:
            try:
                reply = await self._handler(self._decode(method, body, context))
                async with aclosing(reply):
                    answer = _encode(await reply.answer())
                await _send_head(context, reply)
            except MeshError as error:
                await _abort(context, error)
            except Exception:
                log.exception("call_failed")
                await _abort(context, InternalError())
            return answer

        return unary

    def _streaming(self, method: Method) -> Callable[[bytes, _Context], Awaitable[None]]:
        async def stream(body: bytes, context: _Context) -> None:
            try:
                reply = await self._handler(self._decode(method, body, context))
                async with aclosing(reply):
                    await _send_head(context, reply)
                    async for event in reply:
                        await context.write(_encode(event))
            except MeshError as error:
                await _abort(context, error)
            except Exception:
                log.exception("stream_failed")
                await _abort(context, InternalError())

        return stream

    def _decode(self, method: Method, body: bytes, context: _Context) -> Call:
        metadata = context.invocation_metadata() or ()
        if len(metadata) > self._limits.header_count:
            raise HeadersTooLarge(f"a request may have {self._limits.header_count} entries of metadata")
        if sum(len(key) + len(value) for key, value in metadata) > self._limits.header_bytes:
            raise HeadersTooLarge(f"a request's metadata may have {self._limits.header_bytes} bytes together")
        sent = binding.read_metadata(metadata)
        if self._admit is not None:
            self._admit(sent)
        if sent.get(VERSION_HEADER):
            # The package lf.a2a.v1 says 1.0 already, so a missing entry does not mean 0.3 here.
            check_version(sent)
        call = binding.decode_call(method.name, body, sent, _target(sent), self._limits)
        remaining: float | None = context.time_remaining()
        if remaining is None:
            return call
        return msgspec.structs.replace(call, deadline=self._clock() + min(remaining, self._limits.max_deadline))


def _unbuilt(name: str) -> Callable[[bytes, _Context], Awaitable[bytes]]:
    cls = error_class(UNSUPPORTED[name]) or InternalError

    async def refuse(_: bytes, context: _Context) -> bytes:
        await _abort(context, cls(f"{name} is not served"))

    return refuse


def _encode(event: Payload) -> bytes:
    try:
        return binding.encode(event)
    except InvalidParams as error:  # what is wrong here is the agent's doing, not the caller's
        raise InvalidAgentResponse(f"the agent's answer cannot go over gRPC: {error.message}") from None


async def _send_head(context: _Context, reply: Reply) -> None:
    if reply.head.headers:
        await context.send_initial_metadata(tuple(reply.head.headers.items()))


async def _abort(context: _Context, error: MeshError) -> NoReturn:
    code, text, trailers = binding.encode_error(error)
    await context.abort(code, text, tuple(trailers))
    raise error  # never reached: abort raises what makes gRPC end the call


def make_server(service: A2AService, limits: Limits = DEFAULTS, *, reuse_port: bool = False) -> Any:
    """A ``grpc.aio`` server with the project's limits; the caller adds ports and starts it.

    Args:
        reuse_port: only for workers that share a port on purpose; gRPC's own default would hide a taken port.
    """
    options = [
        ("grpc.max_receive_message_length", limits.body),
        ("grpc.max_send_message_length", limits.answer),
        ("grpc.max_metadata_size", limits.header_bytes),
        ("grpc.max_concurrent_streams", limits.streams),
        ("grpc.so_reuseport", int(reuse_port)),
    ]
    return grpc.aio.server(handlers=[service], options=options)


async def stop_server(server: Any, grace: float) -> None:
    """Stop taking calls and give open ones ``grace`` seconds."""
    await asyncio.shield(server.stop(grace))
