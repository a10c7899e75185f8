"""What licences are taken for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.audit.checks import classify_text, licence_of
from examples.audit.checks.forms import LicenceKind
from examples.audit.checks.licences import read_expression
from tests.examples.scratch import install


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("MIT", "permissive"),
        ("apache-2.0", "permissive"),
        ("BSD-3-Clause AND PSF-2.0", "permissive"),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", "weak"),
        ("LGPL-2.1+", "weak"),
        ("MIT OR GPL-3.0-only", "permissive"),
        ("MIT AND GPL-3.0-or-later", "copyleft"),
        ("MIT OR Apache-2.0 AND GPL-2.0", "permissive"),
        ("(MIT OR Apache-2.0) AND AGPL-3.0", "copyleft"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "weak"),
        ("Apache-2.0 WITH LLVM-exception", "permissive"),
        ("MIT AND LicenseRef-Acme-Proprietary", "proprietary"),
        ("BUSL-1.1", "proprietary"),
        ("CC-BY-NC-4.0", "proprietary"),
        ("CC-BY-4.0", "permissive"),
        ("MIT AND Nobody-Knows-1.0", "unknown"),
        ("Nobody-Knows-1.0 OR MIT", "permissive"),
    ],
)
def test_an_expression_is_what_its_terms_come_to(text: str, kind: LicenceKind) -> None:
    assert read_expression(text) == kind


@pytest.mark.parametrize("text", ["", "MIT OR", "(MIT", "MIT Apache-2.0", ") MIT", "GPL-2.0 WITH", "A" * 600])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_expression(text)


@given(st.text(st.sampled_from("()MITANDOR WGPL-3.0+"), max_size=200))
def test_any_text_has_a_kind(text: str) -> None:
    assert classify_text(text) in ("permissive", "weak", "copyleft", "proprietary", "unknown")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Apache License, Version 2.0", "permissive"),
        ("3-Clause BSD License", "permissive"),
        ("MIT/X11", "permissive"),
        ("GNU LGPL", "weak"),
        ("GPLv2", "copyleft"),
        ("GNU Affero General Public License v3", "copyleft"),
        ("Mozilla Public License 2.0 (MPL 2.0)", "weak"),
        ("Proprietary", "proprietary"),
        ("Copyright 2026 Acme. All rights reserved.", "proprietary"),
        ("see the web page", "unknown"),
        ("Limited", "unknown"),
    ],
)
def test_a_name_in_free_words_is_recognised(text: str, kind: LicenceKind) -> None:
    assert classify_text(text) == kind


GPL2 = (
    """GNU GENERAL PUBLIC LICENSE
Version 2, June 1991
"""
    + "x" * 400
    + "(Some other software is covered by the GNU Lesser General Public License instead.)"
)
BSD = "Copyright (c) Acme. All rights reserved.\n\nRedistribution and use in source and binary forms, with or without"


@pytest.mark.parametrize(
    ("metadata", "files", "kind", "source"),
    [
        (["License-Expression: MIT"], {}, "permissive", "License-Expression"),
        (["License: GPLv3", "Classifier: License :: OSI Approved :: MIT License"], {}, "copyleft", "License"),
        (
            ["License: Dual License", "Classifier: License :: OSI Approved :: BSD License"],
            {},
            "permissive",
            "Classifier",
        ),
        (["License: UNKNOWN"], {"LICENSE": BSD}, "permissive", "licence file"),
        ([], {"licenses/COPYING": GPL2}, "copyleft", "licence file"),
        ([], {"licenses/LICENSE": BSD, "licenses/LICENSE.other": "do as the sign says"}, "permissive", "licence file"),
        ([], {"LICENSE": "do as the sign says"}, "unknown", "licence file"),
        (["License: see the web page"], {}, "unknown", "License"),
        (["Classifier: License :: OSI Approved"], {}, "unknown", "Classifier"),
        ([], {}, "missing", ""),
        (["License: UNKNOWN"], {"AUTHORS": "nobody"}, "missing", ""),
    ],
)
def test_the_first_source_that_is_recognised_decides(
    tmp_path: Path, metadata: list[str], files: dict[str, str], kind: LicenceKind, source: str
) -> None:
    written = {f"one-1.0.dist-info/{name}": text.encode() for name, text in files.items()}
    found = licence_of(install(tmp_path, "one", metadata=metadata, files=written))
    assert (found.kind, found.source) == (kind, source)
