"""Short forms of text from elsewhere, as errors repeat it."""

from __future__ import annotations

import pytest

from meshgate.a2a.codec.short_text import shorten

pytestmark = pytest.mark.requirement("errors.words")


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("abcdefgh", "abcdefgh"),
        ("abcdefghi", "abcd…ghi"),
        ('c["é\n"]', 'c["é\\n"]'),
        ("a\u202eb", "a\\u202eb"),
        ("\n" * 99, "\\n\\n…n\\n"),
        ("a\n" + "-" * 99 + "\nb", "a\\n-…\\nb"),
    ],
)
def test_a_text_is_one_line_of_so_many_characters_at_most(text: str, short: str) -> None:
    assert shorten(text, 8) == short
