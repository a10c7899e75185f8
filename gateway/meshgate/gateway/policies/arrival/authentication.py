"""Authentication: finds the principal that a call's credentials prove."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import AccessError
from meshgate.a2a.reply import Reply
from meshgate.gateway.identity.authenticator import Authenticator, Credentials
from meshgate.gateway.policy import Counts

__all__ = ["Authentication"]


class Authentication:
    """Puts the principal into the call.

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

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        try:
            principal = await self._authenticator.authenticate(Credentials(call.headers))
        except AccessError:
            self._counts[self.name, "refuse"][0] += 1
            raise
        call = msgspec.structs.replace(call, principal=principal)
        try:
            return await forward(call)
        except BaseException:
            self._tell(call)
            raise
