"""Names in headers: visible ASCII, and the name again when it is read."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a.mesh.headers import name_text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", ""),
        ("ann", "ann"),
        ("agent:planner", "agent:planner"),
        ("ann@example.com/x", "ann@example.com/x"),
        ("two words", "two%20words"),
        ("100%", "100%25"),
        ("a%20b", "a%2520b"),
        ("Zo\u00eb", "Zo%C3%AB"),
        ("tab\there", "tab%09here"),
        ("line\r\nbreak: x", "line%0D%0Abreak%3A%20x"),
    ],
)
def test_a_plain_name_is_itself_and_any_other_is_percent_encoded(name: str, text: str) -> None:
    assert name_text(name) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_name_is_visible_ascii_and_comes_back(name: str) -> None:
    text = name_text(name)
    assert all("!" <= character <= "~" for character in text)
    assert unquote(text) == name
