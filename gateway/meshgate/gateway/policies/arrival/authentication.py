"""Authentication: the principal whose credential the edge checked, or that a call's credentials prove."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import AccessError
from meshgate.a2a.reply import Reply
from meshgate.gateway.identity.authenticator import Authenticated, Authenticator, Credentials
from meshgate.gateway.policy import Counts

__all__ = ["Authentication"]


class Authentication:
    """Lets calls pass whose credential the edge has checked, and puts the principal into all others: they were made in
    this process.

    Args:
        counts: counts the calls that are refused.
        tell: is told the principal, in case the call is refused before another policy runs.
    """

    name = "authentication"
    refuses = True

    def __init__(self, authenticator: Authenticator, counts: Counts, tell: Callable[[Call], None]) -> None:
        self._authenticator = authenticator
        self._counts = counts
        self._tell = tell

    def __call__(self, call: Call, forward: Handler, /) -> Awaitable[Reply]:
        return forward(call) if Authenticated in call.facts else self._authenticate(call, forward)

    async def _authenticate(self, call: Call, forward: Handler) -> Reply:
        try:
            found = self._authenticator.authenticate(Credentials(call.headers))
            principal = await found if isinstance(found, Awaitable) else found
        except AccessError:
            self._counts[self.name, "refuse"][0] += 1
            raise
        call = msgspec.structs.replace(call, principal=principal)
        try:
            return await forward(call)
        except BaseException:
            self._tell(call)
            raise
