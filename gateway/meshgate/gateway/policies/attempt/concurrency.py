"""The concurrency limit: a bound on the calls that are open to one instance."""

from __future__ import annotations

from meshgate.a2a.call import Call
from meshgate.a2a.errors import UpstreamUnavailable
from meshgate.gateway.upstream.attempt import Chosen

__all__ = ["Concurrency"]


class Concurrency:
    """Refuses the attempt that would pass the bound, before a byte is sent; the retry then tries another instance."""

    name = "concurrency"

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def admit(self, call: Call, /) -> Call:
        chosen = call.fact(Chosen)
        if chosen is not None and chosen.attempt.instance.pending > self._limit:
            instance = chosen.attempt.instance.id
            raise UpstreamUnavailable(
                f"{instance} has {self._limit} calls open, which is its limit",
                retry_after=1.0,
                endpoint=instance,
                unsent=True,
            )
        return call
