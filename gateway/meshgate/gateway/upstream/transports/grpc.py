"""gRPC to an agent, on pooled ``grpc.aio`` channels: one for each address, opened on first use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from meshgate.a2a.bindings import grpc as binding
from meshgate.a2a.errors import MeshError, OutcomeUnknown, UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.limits import Limits
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Reply
from meshgate.gateway.upstream.attempt import Attempt
from meshgate.gateway.upstream.send import Outbound, streamed
from meshgate.registry.model import Endpoint

__all__ = ["GrpcWire"]

_SLACK = 0.25
"""Seconds that gRPC's own deadline lies behind ours, so that ours decides what the error is."""
_CHANNELS = 1000


class GrpcWire:
    """Channels to all agents that speak gRPC."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._channels: dict[str, Any] = {}

    def _channel(self, address: str) -> Any:
        found = self._channels.get(address)
        if found is None:
            if len(self._channels) >= _CHANNELS:
                raise UpstreamUnavailable(f"more than {_CHANNELS} gRPC addresses are in use", unsent=True)
            options = [
                ("grpc.max_receive_message_length", self._limits.answer),
                ("grpc.max_metadata_size", self._limits.header_bytes),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 1000),
                ("grpc.enable_http_proxy", 0),
                ("grpc.enable_retries", 0),
            ]
            found = self._channels[address] = grpc.aio.insecure_channel(address, options=options)
        return found

    async def send(self, out: Outbound) -> Reply:
        method, attempt = out.call.method, out.attempt
        channel = self._channel(attempt.endpoint.url)
        make = channel.unary_stream if method.streaming else channel.unary_unary
        remaining = max(0.001, out.call.deadline - self._clock()) + _SLACK
        body = binding.encode(out.payload)
        attempt.sent = True
        rpc = make(binding.method_path(method))(body, timeout=remaining, metadata=tuple(out.headers.items()))
        try:
            if not method.streaming:
                return Reply.one(binding.decode_answer(await rpc, method))
            return await self._stream(out, rpc)
        except grpc.aio.AioRpcError as error:
            raise self._failed(attempt, error) from None
        except MeshError as error:
            error.endpoint = attempt.instance.id
            raise
        except BaseException:
            rpc.cancel()
            raise

    async def _stream(self, out: Outbound, rpc: Any) -> Reply:
        async def close() -> None:
            rpc.cancel()

        return await streamed(out.attempt, self._events(out, rpc), self._clock, close)

    async def _events(self, out: Outbound, rpc: Any) -> AsyncIterator[Payload]:
        instance = out.attempt.instance.id
        try:
            while True:
                async with asyncio.timeout(self._limits.stream_silence):
                    data = await rpc.read()
                if data is grpc.aio.EOF:
                    return
                yield binding.decode_answer(data, out.call.method)
        except TimeoutError:
            silence = self._limits.stream_silence
            raise UpstreamUnavailable(
                f"{instance} sent nothing on its stream for {silence:g} s", endpoint=instance
            ) from None
        except grpc.aio.AioRpcError as error:
            raise self._failed(out.attempt, error) from None
        finally:
            rpc.cancel()

    def _failed(self, attempt: Attempt, error: grpc.aio.AioRpcError) -> MeshError:
        instance = attempt.instance.id
        trailers = [(str(key), value) for key, value in error.trailing_metadata() or ()]
        detailed = any(key == binding.DETAILS for key, _ in trailers)
        if error.code() == grpc.StatusCode.UNAVAILABLE and not detailed:
            # Whether the request left cannot be told from the status; only "failed to connect" says that it did not.
            text = error.details() or ""
            if "onnect" in text and "failed" in text.lower():
                attempt.sent = False
                return UpstreamUnavailable(f"{instance} cannot be reached", endpoint=instance, unsent=True)
            if attempt.call.method.safe:
                return UpstreamUnavailable(f"the connection to {instance} broke", endpoint=instance)
            return OutcomeUnknown(f"the connection to {instance} broke after the call was sent", endpoint=instance)
        if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED and not detailed:
            return UpstreamDeadline(endpoint=instance)
        if error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
            unsent = error.code() is grpc.StatusCode.UNAUTHENTICATED  # as with HTTP's 401: nothing was done
            return UpstreamUnavailable(
                f"{instance} did not accept the gateway's credential", endpoint=instance, unsent=unsent
            )
        found = binding.decode_error(error.code(), error.details() or "", trailers)
        found.endpoint = instance
        return found

    async def healthy(self, endpoint: Endpoint, url: str | None, timeout: float) -> bool:
        """Whether the connection is, or becomes, usable: HTTP/2 answers a ping even where an agent thinks.

        A stopped process keeps its connection, so a call that any agent answers at once is sent: one on no task.
        """
        try:
            call = self._channel(endpoint.url).unary_unary("/grpc.health.v1.Health/Check")
            await call(b"", timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        return True

    async def aclose(self) -> None:
        for channel in self._channels.values():
            await channel.close()
