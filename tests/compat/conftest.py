"""The kept releases, each installed once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.compat import releases
from tests.compat.releases import Release, install
from tests.conftest import unavailable
from tests.e2e.environments import NoIndex


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Release]:
    """A release in an environment of its own, by its version."""

    @cache
    def make(version: str) -> Release:
        try:
            return install(version, tmp_path_factory.mktemp("release"))
        except NoIndex as reason:
            unavailable(reason)

    return make


@pytest.fixture
def last(released: Callable[[str], Release]) -> Release:
    """The release before this tree."""
    return released(releases.last())
