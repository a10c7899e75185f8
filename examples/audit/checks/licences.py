"""What kind of licence a distribution has: from SPDX expressions, free text, classifiers, and licence files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email.message import Message
from pathlib import Path

from examples.audit.checks.forms import Licence, LicenceKind
from examples.audit.checks.licence_names import kind_of_identifier, kind_of_words
from examples.audit.checks.places import metadata_of
from examples.audit.checks.texts import shown

__all__ = ["classify_text", "licence_of", "read_expression"]

_ORDER: tuple[LicenceKind, ...] = ("permissive", "weak", "copyleft", "proprietary", "unknown")
"""From the least asked for to the most; what is not known may ask for anything."""

_NOTHING = {"", "unknown", "none", "n/a"}
_FILES = re.compile(r"(licen[sc]e|copying|unlicense)", re.IGNORECASE)
_HEAD, _TITLE = 4000, 300
"""How much of a licence file is read, and how much of that is its title, in characters."""


def _tightest(kinds: Sequence[LicenceKind]) -> LicenceKind:
    return max(kinds, key=_ORDER.index) if kinds else "unknown"


class _Expression:
    """A reader of SPDX expressions: WITH binds closest, then AND, then OR (SPDX 2.3, annex D)."""

    def __init__(self, text: str) -> None:
        if len(text) > 500:
            raise ValueError("too long for an expression")
        self._tokens = re.findall(r"[()]|[^\s()]+", text)

    def read(self) -> LicenceKind:
        kind = self._any()
        if self._tokens:
            raise ValueError(f"{self._tokens[0]!r} is not expected")
        return kind

    def _next(self, word: str) -> bool:
        if self._tokens and self._tokens[0].upper() == word:
            del self._tokens[0]
            return True
        return False

    def _any(self) -> LicenceKind:
        kinds: list[LicenceKind] = [self._all()]
        while self._next("OR"):
            kinds.append(self._all())
        return min(kinds, key=_ORDER.index)  # the one who uses it may choose

    def _all(self) -> LicenceKind:
        kinds: list[LicenceKind] = [self._one()]
        while self._next("AND"):
            kinds.append(self._one())
        return _tightest(kinds)

    def _one(self) -> LicenceKind:
        if self._next("("):
            kind = self._any()
            if not self._next(")"):
                raise ValueError("')' is missing")
            return kind
        if not self._tokens or not re.fullmatch(r"[A-Za-z0-9.+:-]+", self._tokens[0]):
            raise ValueError("a licence's name is missing")
        kind = kind_of_identifier(self._tokens.pop(0))
        if self._next("WITH"):
            if not self._tokens:
                raise ValueError("an exception's name is missing")
            del self._tokens[0]
            return "weak" if kind == "copyleft" else kind
        return kind


def read_expression(text: str) -> LicenceKind:
    """The kind that an SPDX expression comes to.

    Raises:
        ValueError: it is none.
    """
    return _Expression(text).read()


def classify_text(text: str) -> LicenceKind:
    """The kind of licence that an SPDX expression, a licence's name, or the text of one stands for."""
    try:
        kind: LicenceKind = read_expression(text)
    except ValueError:
        kind = "unknown"
    return kind if kind != "unknown" else kind_of_words(text[:_HEAD])


def _named(metadata: Message) -> Iterator[tuple[str, str]]:
    """What the metadata says, best source first."""
    for field in ("License-Expression", "License"):
        value = str(metadata.get(field, "")).strip()
        if value.lower() not in _NOTHING:
            yield field, value


def _by_classifiers(metadata: Message) -> Licence | None:
    said = [value for value in metadata.get_all("Classifier", []) if str(value).startswith("License ::")]
    names = [str(value).rpartition("::")[2].strip() for value in said]
    names = [name for name in names if name not in ("OSI Approved", "DFSG approved")]
    if not said:
        return None
    # Several may mean a choice or a sum; a reader should expect the sum.
    return Licence(
        kind=_tightest([kind_of_words(name) for name in names]),
        text=shown(", ".join(names)),
        source="Classifier",
    )


def _by_files(folder: Path) -> Licence | None:
    if not folder.is_dir():
        return None
    found = [path for path in sorted(folder.rglob("*")) if _FILES.search(path.name) and path.is_file()]
    if not found:
        return None
    kinds: list[LicenceKind] = [_by_text(_head(path)) for path in found]
    while "unknown" in kinds:  # a notice beside the licence says nothing of its kind
        kinds.remove("unknown")
    names = shown(", ".join(path.name for path in found))
    return Licence(kind=_tightest(kinds), text=names, source="licence file")


def _by_text(text: str) -> LicenceKind:
    # The title first: the GPL's preamble names the LGPL.
    title = kind_of_words(text[:_TITLE])
    return kind_of_words(text) if title == "unknown" else title


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return ""


def licence_of(folder: Path) -> Licence:
    """A distribution's licence: the first source that is recognised; else that there is one, or that there is none."""
    try:
        metadata = metadata_of(folder)
    except ValueError:
        metadata = Message()
    found = [
        Licence(kind=classify_text(value), text=shown(value, 80), source=field) for field, value in _named(metadata)
    ]
    found += [each for each in (_by_classifiers(metadata), _by_files(folder)) if each is not None]
    known = next((licence for licence in found if licence.kind != "unknown"), None)
    return known or (found[0] if found else Licence(kind="missing"))
