"""A pytest plugin: keep only the tests tied to some requirements, and drop a policy or a guard before they run."""

from __future__ import annotations

import pytest

from tests.mutants.drops import DROPS, drop_policy
from tests.mutants.forks import bound_memory


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--requirements", default="", help="keep only tests marked with one of these ids, comma-separated")
    parser.addoption("--drop", default="", help="policy:NAME or drop:NAME, taken out before any test runs")


def pytest_configure(config: pytest.Config) -> None:
    bound_memory()
    kind, _, name = str(config.getoption("--drop")).partition(":")
    if kind == "policy":
        drop_policy(name)
    elif kind == "drop":
        DROPS[name]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = set(str(config.getoption("--requirements")).split(",")) - {""}
    if not wanted:
        return
    kept = [item for item in items if any(wanted & set(mark.args) for mark in item.iter_markers("requirement"))]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
