"""The gRPC binding as a ``grpc.aio`` service, for gateway and agents alike. Needs the extra ``grpc``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

import grpc
import msgspec
import structlog

from meshgate.a2a import grpc as binding
from meshgate.a2a.call import METHODS, UNBUILT, Call, Handler, Method
from meshgate.a2a.defaults import DEFAULTS, Limits
from meshgate.a2a.errors import HeadersTooLarge, InternalError, MeshError, error_class
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import Selector, parse_selector
from meshgate.a2a.version import VERSION_HEADER, check_version

__all__ = ["TARGET_METADATA", "A2AService", "make_server"]

TARGET_METADATA = "meshgate-target"
"""Metadata key by which a caller names the agent or skill it wants."""
log = structlog.get_logger(__name__)
_Context = Any  # grpc.aio.ServicerContext; its type parameters differ between stub packages


def _target(headers: Mapping[str, str]) -> Selector | None:
    text = headers.get(TARGET_METADATA)
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
        self._methods: dict[str, grpc.RpcMethodHandler] = {}
        for method in METHODS.values():
            make = grpc.unary_stream_rpc_method_handler if method.streaming else grpc.unary_unary_rpc_method_handler
            self._methods[binding.method_path(method)] = make(self._behaviour(method))
        for name in UNBUILT:
            self._methods[f"/{binding.SERVICE}/{name}"] = grpc.unary_unary_rpc_method_handler(_unbuilt(name))

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The handler of a method, or None for gRPC's own UNIMPLEMENTED."""
        return self._methods.get(handler_call_details.method)

    def _behaviour(self, method: Method) -> Callable[[bytes, _Context], Any]:
        async def unary(body: bytes, context: _Context) -> bytes:
            try:
                reply = await self._handler(self._decode(method, body, context))
                async with aclosing(reply):
                    event = await anext(reply)
            except MeshError as error:
                return await _abort(context, error)
            except Exception:
                log.exception("call_failed")
                return await _abort(context, InternalError())
            await _send_head(context, reply)
            return binding.encode(event)

        async def stream(body: bytes, context: _Context) -> None:
            try:
                reply = await self._handler(self._decode(method, body, context))
                async with aclosing(reply):
                    await _send_head(context, reply)
                    async for event in reply:
                        await context.write(binding.encode(event))
            except MeshError as error:
                await _abort(context, error)
            except Exception:
                log.exception("stream_failed")
                await _abort(context, InternalError())

        return stream if method.streaming else unary

    def _decode(self, method: Method, body: bytes, context: _Context) -> Call:
        metadata = context.invocation_metadata()
        headers = binding.read_metadata(metadata)
        if sum(len(key) + len(value) for key, value in metadata) > self._limits.header_bytes:
            raise HeadersTooLarge(f"a request's metadata may have {self._limits.header_bytes} bytes together")
        if self._admit is not None:
            self._admit(headers)
        if headers.get(VERSION_HEADER):
            # The package lf.a2a.v1 says 1.0 already, so a missing entry does not mean 0.3 here.
            check_version(headers)
        call = binding.decode_call(method.name, body, headers, _target(headers))
        remaining = context.time_remaining()
        if remaining is None or remaining > self._limits.max_deadline:
            return call
        return msgspec.structs.replace(call, deadline=self._clock() + remaining)


def _unbuilt(name: str) -> Callable[[bytes, _Context], Any]:
    cls = error_class(UNBUILT[name]) or InternalError

    async def refuse(_: bytes, context: _Context) -> bytes:
        return await _abort(context, cls(f"{name} is not served"))

    return refuse


async def _send_head(context: _Context, reply: Reply) -> None:
    if reply.head.headers:
        await context.send_initial_metadata(tuple(reply.head.headers.items()))


async def _abort(context: _Context, error: MeshError) -> Any:
    code, text, trailers = binding.encode_error(error)
    await context.abort(code, text, tuple(trailers))


def make_server(service: A2AService, limits: Limits = DEFAULTS, *, reuse_port: bool = False) -> Any:
    """A ``grpc.aio`` server with the project's limits; the caller adds ports and starts it.

    Args:
        reuse_port: only for workers that share a port on purpose; gRPC's own default would hide a taken port.
    """
    options = [
        ("grpc.max_receive_message_length", limits.body),
        ("grpc.max_send_message_length", limits.answer),
        ("grpc.max_metadata_size", limits.header_bytes),
        ("grpc.max_concurrent_streams", 100),
        ("grpc.so_reuseport", int(reuse_port)),
    ]
    return grpc.aio.server(handlers=[service], options=options)


async def stop_server(server: Any, grace: float) -> None:
    """Stop taking calls and give open ones ``grace`` seconds."""
    await asyncio.shield(server.stop(grace))
