"""The gRPC transport to agents, for every binding that gRPC carries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from meshgate.a2a.bindings.base import ClientExchange, GrpcBinding
from meshgate.a2a.bindings.sse import too_large
from meshgate.a2a.errors import InvalidAgentResponse, MeshError, OutcomeUnknown, UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.limits import Limits
from meshgate.a2a.outcome import NO_HEAD, Head
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Reply
from meshgate.gateway.upstream.attempt import Attempt
from meshgate.gateway.upstream.instance import Access, Health
from meshgate.gateway.upstream.reply_head import head_of, reads_head
from meshgate.gateway.upstream.send import Outbound, streamed
from meshgate.gateway.upstream.transports.channels import Channel, Channels
from meshgate.net.grpc_status import failure_of, read_metadata
from meshgate.registry.model import Endpoint

__all__ = ["GrpcTransport"]

_HEALTH = {grpc.StatusCode.UNAVAILABLE: Health.FAILED, grpc.StatusCode.DEADLINE_EXCEEDED: Health.SILENT}
_NOT_CONNECTED = ("failed to connect to all addresses", "DNS resolution failed")
_SLACK = 0.25
"""Seconds that gRPC's own deadline lies behind the call's, so that the call's deadline decides what the error is."""


class GrpcTransport:
    """Calls agents over gRPC in one binding.

    Args:
        binding: writes requests and reads answers.
        channels: shared by all bindings, because an agent may serve several on one address.
    """

    def __init__(self, binding: GrpcBinding, channels: Channels, limits: Limits, clock: Callable[[], float]) -> None:
        self._binding = binding
        self._channels = channels
        self._limits = limits
        self._clock = clock

    async def send(self, out: Outbound) -> Reply:
        exchange = self._binding.client(out.call.method, out.payload)
        address = out.attempt.endpoint.url
        access = out.attempt.instance.access
        channel = self._channels.take(address, access.ca if access is not None else "")
        try:
            if out.call.method.streaming:
                return await self._stream(out, exchange, channel)
            return await self._unary(out, exchange, channel)
        except MeshError as error:
            error.endpoint = out.attempt.instance.id
            raise
        finally:
            self._channels.give_back(channel)
            if not out.attempt.instance.listed:
                # It may have left before this call opened the channel: then nobody else will close it.
                self._channels.forget(address)

    def _ask(self, out: Outbound, exchange: ClientExchange, make: Any) -> Any:
        remaining = max(0.001, out.call.deadline - self._clock()) + _SLACK
        request = exchange.request
        out.attempt.sent = True
        return make(request.path)(request.body, timeout=remaining, metadata=tuple(out.headers.items()))

    async def _unary(self, out: Outbound, exchange: ClientExchange, channel: Channel) -> Reply:
        rpc = self._ask(out, exchange, channel.aio.unary_unary)
        try:
            event = exchange.decode_answer(await rpc)
            return Reply.one(event, await _head(out, rpc))
        except grpc.aio.AioRpcError as error:
            raise _failed(out.attempt, exchange, error) from None
        except MeshError:
            raise
        except BaseException:
            rpc.cancel()
            raise

    async def _stream(self, out: Outbound, exchange: ClientExchange, channel: Channel) -> Reply:
        rpc = self._ask(out, exchange, channel.aio.unary_stream)
        channel.calls += 1  # The stream holds the channel until it ends, whether or not it is read.

        def ended(_: object) -> None:
            self._channels.give_back(channel)

        async def close() -> None:
            rpc.cancel()

        rpc.add_done_callback(ended)
        try:
            reply = await streamed(out.attempt, self._events(out, exchange, rpc), self._clock, close)
            reply.head = await _head(out, rpc)
            return reply
        except BaseException:
            rpc.cancel()
            raise

    async def _events(self, out: Outbound, exchange: ClientExchange, rpc: Any) -> AsyncIterator[Payload]:
        instance = out.attempt.instance.id
        try:
            while True:
                data = await rpc.read()
                if data is grpc.aio.EOF:
                    return
                if len(data) > self._limits.event:
                    error = too_large(self._limits.event)
                    error.endpoint = instance
                    raise error
                yield exchange.decode_event(data)
        except grpc.aio.AioRpcError as error:
            raise _failed(out.attempt, exchange, error) from None
        finally:
            rpc.cancel()

    async def health(self, endpoint: Endpoint, url: str | None, timeout: float, access: Access | None = None) -> Health:
        # Neither an HTTP/2 ping nor the connection tells whether the agent itself is alive. So a call is sent that any
        # server answers at once: one that lacks the method says so.
        channel = self._channels.take(endpoint.url, access.ca if access is not None else "")
        try:
            # It may refuse a question without a credential: that is an answer too.
            await channel.aio.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return _HEALTH.get(error.code(), Health.WELL)
        finally:
            self._channels.give_back(channel)
        return Health.WELL

    def forget(self, endpoint: Endpoint) -> None:
        self._channels.forget(endpoint.url)

    async def aclose(self) -> None:
        await self._channels.aclose()


async def _head(out: Outbound, rpc: Any) -> Head:
    """What the agent's metadata tell; not looked at for the many calls to which it does not matter."""
    if not reads_head(out.call):
        return NO_HEAD
    return head_of(out.call, read_metadata(await rpc.initial_metadata()))


def _failed(attempt: Attempt, exchange: ClientExchange, error: grpc.aio.AioRpcError) -> MeshError:
    """The error that a gRPC status means: first of all, whether the agent can have done the work."""
    instance, code, failure = attempt.instance.id, error.code(), failure_of(error)
    detailed = bool(failure.body)
    if code is grpc.StatusCode.UNAVAILABLE and not detailed:
        return _unreachable(attempt, failure.text)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and not detailed and "larger than max" in failure.text:
        # gRPC's own words, on this side: the agent sent more than a gateway reads.
        return InvalidAgentResponse(
            "the agent's answer is larger than a gateway reads", endpoint=instance, neutral=True
        )
    if code is grpc.StatusCode.DEADLINE_EXCEEDED and not detailed:
        return UpstreamDeadline(endpoint=instance)
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        unsent = code is grpc.StatusCode.UNAUTHENTICATED  # as with HTTP's 401: nothing was done
        if attempt.instance.access is not None:
            attempt.instance.access.refused()
        return UpstreamUnavailable(
            f"{instance} did not accept the gateway's credential", endpoint=instance, unsent=unsent
        )
    found = exchange.decode_error(failure)
    found.endpoint = instance
    return found


def _unreachable(attempt: Attempt, text: str) -> MeshError:
    # The status does not tell whether the request was sent, and the agent may send it too: gRPC's own words do.
    instance = attempt.instance.id
    if text.startswith(_NOT_CONNECTED):
        attempt.sent = False
        why = ": its certificate is not accepted" if "CERTIFICATE_VERIFY_FAILED" in text else ""
        return UpstreamUnavailable(f"{instance} cannot be reached{why}", endpoint=instance, unsent=True)
    if attempt.call.method.safe:
        return UpstreamUnavailable(f"the connection to {instance} broke", endpoint=instance)
    return OutcomeUnknown(f"the connection to {instance} broke after the call was sent", endpoint=instance)
