"""Origins of web pages, as browsers send them and as the setting ``cors_origins`` lists them."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["ANY_ORIGIN", "fault_of_origins"]

ANY_ORIGIN = "*"
"""In place of a list: pages of every origin."""

# Scheme, host and port in the form that browsers write (RFC 6454, section 6.2): in lower case, without a default port,
# a path or a last slash. Apps have schemes of their own, such as ``tauri://localhost``.
_ORIGIN = re.compile(
    r"(?!http://.*:80\Z)(?!https://.*:443\Z)[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::\d{1,5})?"
)


def fault_of_origins(origins: Sequence[str], *, keyed: bool = True) -> str:
    """What is wrong with a list of origins, with its remedy; "" if nothing is.

    Args:
        keyed: whether calls need a key. Without one every page of every site could call.
    """
    if ANY_ORIGIN in origins and len(origins) > 1:
        return "'*' stands for every origin: leave the others out, or leave '*' out"
    if ANY_ORIGIN in origins and not keyed:
        return "'*' would let every web page call without a key: list origins, or keep the policy 'authentication'"
    wrong = next((one for one in origins if one != ANY_ORIGIN and _ORIGIN.fullmatch(one) is None), None)
    if wrong is None:
        return ""
    told = "write it as browsers send it, https://app.example: in lower case, without path, last slash or usual port"
    return f"{wrong[:60]!r} is no origin: {told}"
