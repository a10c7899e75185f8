"""The ledger and the tests agree, in both directions."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from tests.contract.cells import TABLES, collect, report
from tests.contract.requirements import LEDGER

TESTS = Path(__file__).parents[1]


def marks() -> dict[str, list[str]]:
    """Each requirement named by a mark anywhere under ``tests``, with the tests that name it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.requirement":
                for argument in node.args:
                    assert isinstance(argument, ast.Constant), f"{path}: a requirement is named by a literal"
                    found[str(argument.value)].append(f"{path.relative_to(TESTS)}:{node.lineno}")
    return found


def test_every_promise_has_a_test() -> None:
    missing = sorted(set(LEDGER) - set(marks()))
    assert not missing, f"promises without a test: {missing}"


def test_every_mark_names_a_promise() -> None:
    unknown = {name: where for name, where in marks().items() if name not in LEDGER}
    assert not unknown, f"marks that name no promise: {unknown}"


def test_every_cell_of_a_table_has_a_test_or_a_reason() -> None:
    assert set(TABLES) <= set(LEDGER)
    assert [line for line in report(collect()) if "NOT TESTED" in line] == []
