"""The variable that makes every limit of the tests longer."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.patience import HANG, VARIABLE, patience, scale

TESTS = Path(__file__).parents[1]
APART = {"faults", "apps", "adk", "agent_framework", "fasta2a", "kits", "python", "python_0_3"}
"""Folders of programs: what measures time, and what runs without this tree."""
WAITS = {"timeout": 0, "wait": 0, "wait_for": 1}
"""Calls with a limit in real time, and the place of the limit among their arguments."""


@pytest.mark.parametrize(("text", "factor"), [(None, 1.0), ("", 1.0), ("3", 3.0), ("0.5", 0.5)])
def test_limits_are_multiplied_with_what_the_variable_says(text: str | None, factor: float) -> None:
    assert scale({} if text is None else {VARIABLE: text}) == factor


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "much"])
def test_what_is_no_number_above_0_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=f"{VARIABLE} is '{text}'"):
        scale({VARIABLE: text})


def test_a_limit_and_that_of_pytest_follow_the_variable(request: pytest.FixtureRequest) -> None:
    factor = scale(os.environ)
    assert (patience(), patience(60.0)) == (HANG * factor, 60.0 * factor)
    marker = request.node.get_closest_marker("timeout")
    assert marker is not None
    assert marker.args == (float(request.config.getini("timeout")) * factor,)


def test_no_limit_is_a_bare_number() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{call.lineno}"
        for path in sorted(TESTS.rglob("*.py"))
        if not APART & set(path.parts)
        for call in bare_limits(ast.parse(path.read_text("utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("run(['x'], timeout=30)", True),
        ("asyncio.wait_for(it, 5)", True),
        ("asyncio.timeout(2.5)", True),
        ("event.wait(20)", True),
        ("run(['x'], timeout=patience(60.0))", False),
        ("asyncio.timeout(patience())", False),
        ("pytest.mark.timeout(180)", False),
        ("process.wait(timeout=0.05)", False),
        ("stub.SendMessage(request, timeout=50)", False),
        ("@virtual_time\nasync def test() -> None:\n    await asyncio.wait_for(it, 60)", False),
    ],
)
def test_a_bare_limit_is_told_from_a_pause_a_deadline_and_virtual_time(text: str, bare: bool) -> None:
    assert bool(list(bare_limits(ast.parse(text)))) is bare


def bare_limits(node: ast.AST) -> Iterator[ast.Call]:
    """Calls that wait in real time, a second or more, for as long as a number in the code says."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "virtual_time" in map(
        ast.unparse, node.decorator_list
    ):
        return
    if isinstance(node, ast.Call) and _is_bare(node):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from bare_limits(child)


def _is_bare(call: ast.Call) -> bool:
    whole = ast.unparse(call.func)
    name = whole.rpartition(".")[2]
    if whole == "pytest.mark.timeout" or name == "SendMessage":  # its timeout is the deadline that the call carries
        return False
    place = WAITS.get(name, len(call.args))
    given = [
        *call.args[place : place + 1],
        *(each.value for each in call.keywords if each.arg in ("timeout", "within")),
    ]
    return any(
        isinstance(each, ast.Constant) and isinstance(each.value, int | float) and each.value >= 1 for each in given
    )
