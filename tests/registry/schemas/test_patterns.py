"""What a regular expression weighs once its repetitions are written out."""

from __future__ import annotations

import pytest

from meshgate.a2a.limits import DEFAULTS
from meshgate.registry.schemas import BadSchema, load_image
from meshgate.registry.schemas.patterns import weight
from tests.registry.schemas.build import compiled


@pytest.mark.parametrize(
    ("pattern", "heavy"),
    [
        ("", 0),
        ("^abc$", 3),
        ("a{3}b", 4),
        ("a{2,5}", 5),
        ("a{4,}", 4),
        ("(ab){10}", 20),
        ("((ab){10}c){3}", 63),
        ("(a|bc){2}d*", 7),
        (r"\{3\}", 3),
        ("[a-z{3}]{4}", 4),
        ("[]a]{2}", 2),
        ("[^a]", 8),
        (".{1,10}", 80),
        (r"\d{3}", 3),
        (r"\D", 8),
        (r"\pL\PN", 2000),
        (r"[\p{L}\p{N}_]{2}", 4000),
        (r"[[:alpha:]]{5}", 5),
        ("a{0}", 1),
        ("a))((b{2}", 3),
        ("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", 36),
    ],
)
def test_repetitions_are_written_out(pattern: str, heavy: int) -> None:
    assert weight(pattern) == heavy


def field(name: str, rule: str) -> str:
    return f"string {name} = {ord(name) - 96} [(buf.validate.field){rule}];"


@pytest.mark.requirement("schema.patterns")
@pytest.mark.parametrize(
    "rule",
    [
        '.string.pattern = "(.{1,999}){20}"',
        '.string.pattern = "[\\\\p{L}\\\\p{N}]{400}"',
        '.cel = {id: "a" expression: "this.matches(\'(.{1,999}){30}\')"}',
    ],
)
def test_patterns_that_are_too_much_together_are_refused_by_name(rule: str) -> None:
    fields = "".join(field(name, rule) for name in "abc")
    with pytest.raises(BadSchema) as refused:
        load_image(compiled(f"message A {{ {fields} }}"))
    assert refused.value.path.startswith("p.A.")


@pytest.mark.parametrize("rule", ['.string.pattern = "abcde"', '.cel = {id: "a" expression: "abcde"}'])
def test_a_text_that_is_no_utf8_is_refused_by_name(rule: str) -> None:
    with pytest.raises(BadSchema) as refused:
        load_image(compiled(f"message A {{ {field('a', rule)} }}").replace(b"abcde", b"ab\xff\xffe"))
    assert refused.value.path == "p.A.a"


def test_usual_patterns_are_taken_by_the_hundred() -> None:
    usual = ("^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}$", "^[\\\\p{L} ]{1,4}$", "^.{1,80}$")
    rules = "".join(field(name, f'.string.pattern = "{usual[ord(name) % 3]}"') for name in "abcdefghijklmnopqrstuvwxyz")
    assert load_image(compiled(f"message A {{ {rules} }}")).types == ("p.A",)
    assert sum(weight(one.replace("\\\\", "\\")) for one in usual) * 33 < DEFAULTS.schema_patterns
