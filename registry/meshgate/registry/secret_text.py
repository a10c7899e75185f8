"""How settings and flags name a secret without holding it: ``env:NAME``, or ``file:PATH`` of a file that is private."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from meshgate.a2a.errors import InvalidParams

__all__ = ["is_literal", "read_secret"]

_LARGEST = 64 * 1024
_ENV, _FILE = "env:", "file:"


def is_literal(text: str) -> bool:
    """Whether the text is the secret itself."""
    return bool(text) and not text.startswith((_ENV, _FILE))


def read_secret(text: str, environ: Mapping[str, str], what: str, *, private: bool = True) -> str:
    """The secret that a text names, without white space at its ends; "" for an empty text.

    Args:
        what: the setting or flag, for the error.
        private: whether a file must be readable by its owner alone.

    Raises:
        InvalidParams: there is no such variable or file, it is empty, or others can read it.
    """
    if text.startswith(_ENV):
        name = text.removeprefix(_ENV)
        found = environ.get(name, "").strip()
        if not found:
            raise InvalidParams(f"{what}: the environment variable {name[:64]!r} is not set")
        return found
    if not text.startswith(_FILE):
        return text
    path = Path(text.removeprefix(_FILE))
    try:
        mode, size = path.stat().st_mode, path.stat().st_size
        if private and mode & 0o077:
            raise InvalidParams(f"{what}: {path} can be read by others: chmod 600 {path}")
        found = path.read_text().strip() if size <= _LARGEST else ""
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InvalidParams(f"{what}: {path} cannot be read ({_why(error)})") from None
    if not found:
        raise InvalidParams(f"{what}: {path} is empty or larger than {_LARGEST} bytes")
    return found


def _why(error: Exception) -> str:
    return error.strerror or "unreadable" if isinstance(error, OSError) else "it is no text"
