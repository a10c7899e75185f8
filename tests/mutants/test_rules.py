"""Each rule makes the changes that it says, and no others."""

from __future__ import annotations

import ast
import types

import pytest

from tests.mutants.install import install
from tests.mutants.rules import RULES, apply, changes


def function(body: str) -> str:
    """The source of a function with this one statement."""
    return f"def f(a, b):\n    {body}\n"


def made(source: str, rule: str = "") -> list[str]:
    """The changes of a source, by one rule or by all."""
    return [change.name for change in changes(source) if rule in ("", change.rule)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return a < b", ["f: a < b -> a <= b"]),
        ("return a <= b", ["f: a <= b -> a < b"]),
        ("return a > b", ["f: a > b -> a >= b"]),
        ("return a >= b", ["f: a >= b -> a > b"]),
        ("return a == b", ["f: a == b -> a != b"]),
        ("return a != b", ["f: a != b -> a == b"]),
        ("return a in b", ["f: a in b -> a not in b"]),
        ("return a not in b", ["f: a not in b -> a in b"]),
        ("return a is b", ["f: a is b -> a is not b"]),
        ("return a is not b", ["f: a is not b -> a is b"]),
        ("return a < b < a", ["f: a < b < a -> a <= b < a", "f: a < b < a -> a < b <= a"]),
        ("return a and b", ["f: a and b -> a or b"]),
        ("return a or b", ["f: a or b -> a and b"]),
        ("return not a", ["f: not a -> a"]),
        ("return a + b", ["f: a + b -> a - b"]),
        ("return a - b", ["f: a - b -> a + b"]),
        ("return a * b", ["f: a * b -> a / b"]),
        ("return a / b", ["f: a / b -> a * b"]),
        ("return a // b", ["f: a // b -> a * b"]),
        ("return a ** b", ["f: a ** b -> a * b"]),
        ("a += b", ["f: a += b -> a -= b"]),
        ("return min(a, b)", ["f: min(a, b) -> max(a, b)"]),
        ("return max(a, key=b)", ["f: max(a, key=b) -> min(a, key=b)"]),
        ("return 0", ["f: return 0 -> return 1"]),
        ("return 1", ["f: return 1 -> return 2"]),
        ("return 5", ["f: return 5 -> return 6", "f: return 5 -> return 0"]),
        ("return -1", ["f: return -1 -> return -2"]),
        ("return 0.9", ["f: return 0.9 -> return 1.8"]),
        ("return 0.0", ["f: return 0.0 -> return 1.0"]),
        ("return code_pb2.UNKNOWN", ["f: return code_pb2.UNKNOWN -> return code_pb2.DATA_LOSS"]),
        ("return True", ["f: return True -> return False"]),
        ("a.open = False", ["f: a.open = False -> a.open = True"]),
        ("a(b, unsent=True)", ["f: unsent=True -> unsent=False"]),
        ("return a[1]", ["f: a[1] -> a[2]"]),
    ],
)
def test_a_rule_makes_its_change_and_no_other(body: str, expected: list[str]) -> None:
    assert made(function(body)) == expected


@pytest.mark.parametrize(
    ("leaves", "left"),
    [
        ("raise ValueError(a)", "raise ValueError(a)"),
        ("return", "return"),
        ("continue", "continue"),
        ("break", "break"),
    ],
)
def test_an_exit_is_passed_by(leaves: str, left: str) -> None:
    source = f"def f(a, b):\n    for a in b:\n        if a:\n            b(a)\n            {leaves}\n        b(b)\n"
    (change,) = changes(source)
    assert (change.rule, change.name, change.lines) == ("exit", f"f: if a: {left} -> pass", (5, 5))
    assert ast.unparse(apply(source, change)) == (
        "def f(a, b):\n    for a in b:\n        if a:\n            b(a)\n            pass\n        b(b)"
    )


def test_a_block_that_goes_on_is_no_exit() -> None:
    assert made(function("if a: b()")) == []


@pytest.mark.parametrize(
    "body",
    [
        "return a + 'text'",
        "return a + [b]",
        "raise ValueError(f'{a[:40]} of {b + 1}')",
        "log.info('limit', most=40, again=not a)",
        "x: dict[str, tuple[int, 1]] = a",
        "return a | b",
        "return isinstance(a, b)",
        "return code_pb2.Code.Name(a)",
        "return code_pb2.DATA_LOSS",
        "return 'text'",
        "return None",
    ],
)
def test_texts_logs_and_types_stay_as_they_are(body: str) -> None:
    assert made(function(body)) == []


def test_texts_that_are_values_are_changed() -> None:
    assert made(function("return f'{a - b:.1f}'")) == ["f: a - b -> a + b"]


def test_defaults_and_constants_are_changed_and_what_runs_once_in_a_class_is_not() -> None:
    source = "LIMIT = 1\nclass C:\n    size: int = 3\n    def f(self, a=1, *, b=False): ...\nprint(1)\n"
    assert made(source) == [
        "LIMIT: LIMIT = 1 -> LIMIT = 2",
        "C.f: self, a=1, *, b=False -> self, a=1, *, b=True",
        "C.f: self, a=1, *, b=False -> self, a=2, *, b=False",
    ]


def test_each_row_of_a_table_of_errors_is_changed_and_shown_alone() -> None:
    assert made("T = {'A': -31001, 'B': code_pb2.OK, **T}\nU = {code_pb2.OK: 'C'}\n") == [
        "T: {'A': -31001} -> {'A': -31002}",
        "T: {'A': -31001} -> {'A': -0}",
        "T: {'B': code_pb2.OK} -> {'B': code_pb2.DATA_LOSS}",
        "U: {code_pb2.OK: 'C'} -> {code_pb2.DATA_LOSS: 'C'}",
    ]


def test_the_same_change_twice_in_a_function_has_two_names() -> None:
    assert made(function("return [a < b, a < b]")) == ["f: a < b -> a <= b", "f: a < b -> a <= b #2"]


def test_a_change_knows_the_lines_that_must_run() -> None:
    source = "def f(a, b):\n    if (\n        a < b\n    ):\n        b(a,\n          a > b)\n"
    assert [change.lines for change in changes(source)] == [(2, 4), (5, 6)]


def test_every_rule_is_at_work_and_each_change_differs_from_the_source() -> None:
    source = (
        "def f(a, b):\n    if not a < min(b, 2) or a:\n        return True\n    return a + 1\n"
        "async def g(x):\n    return [y for y in x if y != 0.5 and x[y] != code_pb2.OK]\n"
    )
    found = changes(source)
    assert {change.rule for change in found} == set(RULES)
    trees = [ast.unparse(apply(source, change)) for change in found]
    assert len({*trees, ast.unparse(ast.parse(source))}) == len(found) + 1
    assert len({change.name for change in found}) == len(found)


SOURCE = """
import functools
_LIMIT = 3
def ask(a, b=1, *, c=2): return a + b + c + _LIMIT
def outer(a):
    def inner(): return a * 2
    return inner()
class Thing:
    @property
    def size(self): return 10
    @functools.lru_cache
    def kept(self): return 20
    @staticmethod
    def free(): return 30
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("_LIMIT: _LIMIT = 3 -> _LIMIT = 4", (8, 4, 10, 20, 30)),
        ("ask: a, b=1, *, c=2 -> a, b=2, *, c=2", (8, 4, 10, 20, 30)),
        ("ask: a, b=1, *, c=2 -> a, b=1, *, c=3", (8, 4, 10, 20, 30)),
        ("ask: a + b -> a - b", (5, 4, 10, 20, 30)),
        ("outer: a * 2 -> a * 3", (7, 6, 10, 20, 30)),
        ("Thing.size: return 10 -> return 11", (7, 4, 11, 20, 30)),
        ("Thing.kept: return 20 -> return 21", (7, 4, 10, 21, 30)),
        ("Thing.free: return 30 -> return 31", (7, 4, 10, 20, 31)),
    ],
)
def test_a_change_is_made_in_what_runs_already(name: str, expected: tuple[int, ...]) -> None:
    module = types.ModuleType("thing")
    module.__file__ = "thing.py"
    exec(compile(SOURCE, "thing.py", "exec"), vars(module))
    ask, outer, thing = module.ask, module.outer, module.Thing()
    (change,) = (change for change in changes(SOURCE) if change.name == name)
    install(module, SOURCE, change)
    assert (ask(1), outer(2), thing.size, thing.kept(), thing.free()) == expected
