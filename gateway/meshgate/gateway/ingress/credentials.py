"""The credentials of requests: checked by the edge from their headers alone, before anything of a body is read."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

import structlog

from meshgate.a2a.call import Admission, Facts, Principal
from meshgate.a2a.errors import AccessError, Unauthenticated
from meshgate.gateway.identity.authenticator import Authenticated, Authenticator, Credentials, KeyEnded, NoCredential
from meshgate.gateway.observe.metrics import Metrics

__all__ = ["CredentialCheck"]

log = structlog.get_logger(__name__)
_LOG_EVERY = 1.0
"""Seconds between two lines of the log about refused callers."""

_WHY: tuple[tuple[type[AccessError], str], ...] = (
    (NoCredential, "missing"),
    (KeyEnded, "ended"),
    (Unauthenticated, "unknown"),
    (AccessError, "denied"),
)


class CredentialCheck:
    """Looks credentials up, and counts those that prove nobody.

    Args:
        clock: monotonic seconds, for the pace of the log.
    """

    def __init__(
        self, authenticator: Authenticator, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._authenticator, self._metrics, self._clock = authenticator, metrics, clock
        self._refused = 0
        self._log_at = 0.0

    def admission(self, binding: str) -> Admission:
        """What one binding's endpoint asks before it reads a request: the fact ``Authenticated``, or a refusal."""

        def admit(headers: Mapping[str, str]) -> Facts | Awaitable[Facts]:
            found = self.caller(headers, binding)
            return {Authenticated: Authenticated(found)} if isinstance(found, Principal) else _fact(found)

        return admit

    def caller(self, headers: Mapping[str, str], binding: str) -> Principal | Awaitable[Principal]:
        """The principal that a request's headers prove.

        Args:
            binding: what the request came by, for the count of refusals.

        Raises:
            AccessError: they prove nobody, or somebody who may not call.
        """
        try:
            found = self._authenticator.authenticate(Credentials(headers))
        except AccessError as error:
            self._note(error, binding)
            raise
        return found if isinstance(found, Principal) else self._later(found, binding)

    async def _later(self, found: Awaitable[Principal], binding: str) -> Principal:
        try:
            return await found
        except AccessError as error:
            self._note(error, binding)
            raise

    def _note(self, error: AccessError, binding: str) -> None:
        why = next(text for kind, text in _WHY if isinstance(error, kind))
        self._metrics.unauthenticated(binding, why)
        self._refused += 1
        now = self._clock()
        if now >= self._log_at:
            log.warning("unauthenticated", binding=binding, why=why, refused=self._refused)
            self._refused, self._log_at = 0, now + _LOG_EVERY


async def _fact(found: Awaitable[Principal]) -> Facts:
    return {Authenticated: Authenticated(await found)}
