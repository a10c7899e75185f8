"""Operations that the gateway does not serve, and the errors that say so."""

from __future__ import annotations

from collections.abc import Awaitable

from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import UnsupportedOperation
from meshgate.a2a.reply import Reply

__all__ = ["Unserved"]


class Unserved:
    """Refuses what is not served, and passes on all other calls."""

    name = "unserved"

    def __call__(self, call: Call, forward: Handler, /) -> Awaitable[Reply]:
        """The reply of what follows.

        Raises:
            UnsupportedOperation: the operation is not served.
        """
        if call.method.name == "GetExtendedAgentCard":
            raise UnsupportedOperation("GetExtendedAgentCard is not served")
        return forward(call)
