"""The names that licences go by: SPDX identifiers, and words in free text."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from examples.audit.checks.forms import LicenceKind

__all__ = ["kind_of_identifier", "kind_of_words"]

_IDENTIFIERS: tuple[tuple[LicenceKind, str], ...] = (
    ("proprietary", "busl-* elastic-* polyform-* sspl-* cc-by-nc* cc-by-nd* cc-by-sa-nc* licenseref-*proprietary*"),
    ("weak", "lgpl-* mpl-* epl-* cddl-* cpl-1.0 ms-pl ofl-1.* apsl-2.0 erlpl-1.1 qpl-1.0"),
    ("copyleft", "gpl-* agpl-* eupl-* cc-by-sa-* osl-* cecill-1* cecill-2* sleepycat rpl-1.* odbl-1.0"),
    (
        "permissive",
        "mit mit-* x11 0bsd bsd-* apache-1.* apache-2.* isc psf-2.0 python-2.0* cnri-python* zlib unlicense",
    ),
    ("permissive", "cc0-1.0 cc-by-?.0 bsl-1.0 hpnd* ncsa postgresql afl-* artistic-2.0 wtfpl zpl-* blueoak-1.0.0"),
    ("permissive", "unicode-* openssl curl ftl bzip2-1.0.6 libtiff ijg libpng* w3c* tcl upl-1.0 mulanpsl-* beerware"),
    ("permissive", "fsfap info-zip smlnj zlib-acknowledgement licenseref-*public-domain*"),
)
"""Patterns of SPDX identifiers in lower case, the first that fits decides (spdx.org/licenses)."""

_WORDS: tuple[tuple[LicenceKind, str], ...] = (
    ("copyleft", r"affero general public|\bAGPL"),
    ("weak", r"(lesser|library) general public|\bLGPL|mozilla public|\bMPL\b|eclipse public|\bCDDL\b"),
    ("copyleft", r"gnu general public|\bGPL|european union public|\bEUPL|share-?alike"),
    ("proprietary", r"proprietary|commercial licen[sc]e|end user licen[sc]e|\bEULA\b|business source"),
    ("proprietary", r"non-?commercial"),
    ("permissive", r"\bapache\b"),
    ("permissive", r"\bMIT\b|permission is hereby granted, free of charge|\bexpat\b"),
    ("permissive", r"\b[0-4]?-?(clause )?BSD\b|redistribution and use in source and binary forms"),
    ("permissive", r"\bISC\b|permission to use, copy, modify,? and(/or)? distribute this software"),
    ("permissive", r"python software foundation|\bPSF\b|\bzlib\b|\bunlicen[sc]e\b|public domain|\bCC0\b"),
    ("permissive", r"boost software|zope public|historical permission"),
    ("proprietary", r"all rights reserved"),  # last: many open licences say so above their terms
)


def kind_of_identifier(name: str) -> LicenceKind:
    """The kind of the licence with an SPDX identifier, whatever its case."""
    name = name.lower().rstrip("+")
    for kind, patterns in _IDENTIFIERS:
        if any(fnmatchcase(name, pattern) for pattern in patterns.split()):
            return kind
    return "unknown"


def kind_of_words(text: str) -> LicenceKind:
    """The kind of licence that a name in free words, or the text of a licence, stands for."""
    for kind, pattern in _WORDS:
        if re.search(pattern, text, re.IGNORECASE):
            return kind
    return "unknown"
