r"""Regular expressions of pydantic's that mean the same in a contract.

pydantic matches with Rust's regex, contracts with RE2. What both spell alike and mean differently would let a gateway
refuse what the agent's model takes: ``\w`` has the letters of every script there and ASCII's here, and the two know
different editions of Unicode. Such a pattern is refused where the contract is made, with what to write instead.
"""

from __future__ import annotations

import re

from meshgate.sdk.schemas.errors import BadContract

__all__ = ["contract_pattern"]

_SPACE = r"\t\n\v\f\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
r"""What \s means to pydantic: Unicode's White_Space. Every edition since 2015 has the same."""
_TOKEN = re.compile(r"\\.|\[:\^?\w+:\]|\(\?[A-Za-z-]+[:)]|\(\?P?<\w+>|\{,\d*\}|&&|--|~~|.", re.DOTALL)
_ASCII = {
    r"\w": "[A-Za-z0-9_]",
    r"\W": "[^A-Za-z0-9_]",
    r"\d": "[0-9]",
    r"\D": "[^0-9]",
    r"\b": "the characters that may stand there, such as (^|[^A-Za-z0-9_])",
    r"\B": "the characters that may stand there, such as [A-Za-z0-9_]",
    r"\p": "the characters or a range of them, such as [A-Za-zÀ-ž]",
    r"\P": "the characters or a range of them, such as [^A-Za-zÀ-ž]",
}
"""What to write instead of what the two engines take for different sets of characters."""
_WHITE, _BLACK = r"\s", r"\S"
_FLAGS = frozenset("imsU-")


def contract_pattern(pattern: str, path: str) -> str:
    """The pattern as a contract has it: it matches exactly what pydantic takes.

    Args:
        path: the field, for errors.

    Raises:
        BadContract: it would match something else in a contract.
    """
    made: list[str] = []
    opened = False
    for token in _TOKEN.finditer(pattern):
        text = token[0]
        if text in _ASCII:
            raise _differs(path, text, _ASCII[text])
        if opened:
            first = made[-1] == "[" or made[-2:] == ["[", "^"]
            _check_in_brackets(text, path, first=first)
            opened = text != "]"
            made.append(_SPACE if text == _WHITE else text)
        else:
            _check_outside(text, path)
            opened = text == "["
            made.append({_WHITE: f"[{_SPACE}]", _BLACK: f"[^{_SPACE}]"}.get(text, text))
    return "".join(made)


def _check_in_brackets(text: str, path: str, *, first: bool) -> None:
    if text == _BLACK:
        raise _differs(path, f"{_BLACK} in brackets", "the characters that are meant")
    if text in ("&&", "--", "~~"):
        raise _differs(path, f"{text} in brackets", "one set of characters")
    if text == "[" or (text == "]" and first):
        where = "[ in brackets" if text == "[" else "] as the first in brackets"
        raise _differs(path, where, f"\\{text} for the character")


def _check_outside(text: str, path: str) -> None:
    if text.startswith("{,"):
        raise _differs(path, text, "{0" + text[1:])
    if text.startswith("(?") and not text.endswith(">") and not set(text[2:-1]) <= _FLAGS:
        raise _differs(path, text, "the pattern without that flag")


def _differs(path: str, what: str, instead: str) -> BadContract:
    return BadContract(path, f"{what} means something else to pydantic than in a contract", f"write {instead}")
