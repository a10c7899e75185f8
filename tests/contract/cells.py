"""Tables of promises: a promise that must hold on each binding, at each end and on each backend is one cell for each.

A test says which cells it covers with ``@pytest.mark.cells("id", axis=value, ...)``; a value may be a tuple, and an
axis that is left out has the value of the test's own parameter. A cell without a test needs a reason, here.
``python -m tests.contract.cells`` prints how many cells of each table are tested.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

__all__ = ["TABLES", "Table", "collect", "report"]

TESTS = Path(__file__).parents[1]
Cell = tuple[str, ...]
_PARAMETERS = {"caller": "binding", "gateways": "mesh", "registry": "backend"}
"""The parameter that an axis is read from, if its name is another."""

_AGENTS = ("JSONRPC", "HTTP+JSON", "GRPC")
_OLD = ("JSONRPC-0.3", "HTTP+JSON-0.3", "GRPC-0.3")
_BINDINGS = (*_AGENTS, *_OLD)
_BACKENDS = ("memory", "file", "consul")
_GATEWAYS = ("one", "unrecorded", "workers", "two")


_ELSEWHERE = {
    f"{binding}/{layout}": "one gateway: what a binding does ends before a call goes to another one, and time is dear"
    for layout in ("unrecorded", "workers", "two")
    for binding in ("HTTP+JSON", *_OLD)
}


@dataclass(frozen=True)
class Table:
    """The cells of one promise: the product of its axes.

    Args:
        axes: the values of each axis, by its name.
        absent: reasons why cells do not apply, by a value or by values joined with ``/`` in the order of the axes.
    """

    axes: dict[str, tuple[str, ...]]
    absent: dict[str, str] = field(default_factory=lambda: dict(_ELSEWHERE))

    def cells(self) -> Iterator[Cell]:
        """All cells."""
        yield from itertools.product(*self.axes.values())

    def reason(self, cell: Cell) -> str:
        """Why a cell does not apply, or ""."""
        return next((why for key, why in self.absent.items() if set(key.split("/")) <= set(cell)), "")


TABLES: dict[str, Table] = {
    "door.all_pairs": Table({"caller": _BINDINGS, "agent": _BINDINGS, "gateways": ("one",)}),
    "path.after": Table({"caller": _BINDINGS, "agent": _AGENTS, "gateways": _GATEWAYS}),
    "bounds.ids": Table({"caller": _BINDINGS, "agent": _AGENTS, "end": ("caller", "agent"), "gateways": _GATEWAYS}),
    "routing.skill_named": Table({"caller": _BINDINGS, "gateways": _GATEWAYS}),
    "bounds.deadline": Table({"caller": _BINDINGS, "gateways": _GATEWAYS}),
    "registry.swept": Table({"registry": _BACKENDS}),
    "join.gateways": Table({"backend": _BACKENDS}),
    "registry.unsigned": Table({"registry": _BACKENDS}),
    "errors.agents": Table({"caller": _BINDINGS, "agent": _AGENTS, "gateways": _GATEWAYS}),
    "instance.limits": Table({"caller": _BINDINGS, "agent": _AGENTS, "gateways": _GATEWAYS}),
    "instance.weight": Table({"caller": _BINDINGS, "gateways": _GATEWAYS}),
    "stream.quiet": Table({"caller": _BINDINGS, "agent": _AGENTS, "gateways": _GATEWAYS}),
    "stream.end": Table({"caller": _BINDINGS, "agent": _AGENTS, "gateways": _GATEWAYS}),
    "stream.done": Table({"caller": _BINDINGS, "agent": _AGENTS, "gateways": _GATEWAYS}),
    "agent.values": Table({"caller": _BINDINGS, "agent": _AGENTS, "gateways": _GATEWAYS}),
    "stream.shared": Table({"caller": _BINDINGS, "agent": _AGENTS, "gateways": _GATEWAYS}),
    "push.sent": Table({"caller": _BINDINGS, "agent": ("JSONRPC", "GRPC", "sdk"), "gateways": _GATEWAYS}),
    "push.kept": Table({"caller": _BINDINGS, "gateways": _GATEWAYS}),
    "push.guarded": Table({"caller": _BINDINGS, "gateways": _GATEWAYS}),
    "push.bounded": Table({"caller": _BINDINGS, "gateways": _GATEWAYS}),
    "instance.silent": Table({"caller": _BINDINGS, "agent": _AGENTS, "gateways": _GATEWAYS}),
    "tenants.apart": Table({"caller": _BINDINGS, "gateways": _GATEWAYS}),
    "cards.extended": Table({"caller": _BINDINGS, "agent": _BINDINGS, "gateways": _GATEWAYS}),
    "references.own": Table(
        {"caller": _BINDINGS, "agent": _AGENTS, "gateways": _GATEWAYS},
        {**_ELSEWHERE, **dict.fromkeys(_OLD[1:], "the package a2a.v1 has no place for references to tasks")},
    ),
    "contexts.own": Table({"caller": _BINDINGS, "agent": _AGENTS, "gateways": _GATEWAYS}),
    "tasks.listed": Table(
        {"caller": _BINDINGS, "gateways": _GATEWAYS}, {**_ELSEWHERE, **dict.fromkeys(_OLD, "0.3 has no list of tasks")}
    ),
    "caller.told": Table({"caller": _BINDINGS, "agent": _AGENTS, "gateways": _GATEWAYS}),
    "edge.key_first": Table({"caller": _BINDINGS, "gateways": _GATEWAYS}),
    "path.onward": Table({"caller": _BINDINGS, "agent": _AGENTS, "gateways": _GATEWAYS}),
}
"""By the id of the promise."""


def covered(item: pytest.Item) -> Iterator[tuple[str, Cell]]:
    """The cells that a test covers."""
    found = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    for mark in item.iter_markers("cells"):
        (name,) = mark.args
        table = TABLES[name]
        values = [mark.kwargs.get(axis, found.get(_PARAMETERS.get(axis, axis))) for axis in table.axes]
        for cell in itertools.product(*((value,) if isinstance(value, str) else value for value in values)):
            assert all(one in known for one, known in zip(cell, table.axes.values(), strict=True)), (name, cell)
            yield name, cell


def pytest_collection_finish(session: pytest.Session) -> None:
    """As a plugin of pytest: write the cells of all collected tests to the file that the option names."""
    found = sorted({(name, *cell) for item in session.items for name, cell in covered(item)})
    Path(str(session.config.getoption("--cells-to"))).write_text(json.dumps(found), "utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """As a plugin of pytest."""
    parser.addoption("--cells-to", help="file to write the cells of the collected tests to")


def collect() -> dict[str, set[Cell]]:
    """The cells that have a test, by table."""
    files = [str(path) for path in TESTS.rglob("test_*.py") if "mark.cells(" in path.read_text("utf-8")]
    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        arguments = ["-q", "--collect-only", "-p", "tests.contract.cells", "--cells-to", file.name, *files]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments], cwd=TESTS.parent, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        tested: dict[str, set[Cell]] = defaultdict(set)
        for name, *cell in json.load(file):
            tested[name].add(tuple(cell))
    return tested


def report(tested: dict[str, set[Cell]]) -> Iterable[str]:
    """One line for each table: the cells tested, those that do not apply, and those that nothing tests."""
    for name, table in TABLES.items():
        cells = list(table.cells())
        bare = [cell for cell in cells if cell not in tested.get(name, set())]
        missing = [cell for cell in bare if not table.reason(cell)]
        line = f"{name}: {len(cells) - len(bare)} of {len(cells)} cells tested, {len(bare) - len(missing)} do not apply"
        yield line + (f"; NOT TESTED: {', '.join(map('/'.join, missing))}" if missing else "")


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in report(collect()))
