"""Releases, each installed once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.compat.releases import Release, install, kept
from tests.conftest import unavailable
from tests.e2e.environments import NoIndex, build_wheel


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Release]:
    """A wheel in an environment of its own."""

    @cache
    def make(wheel: Path) -> Release:
        try:
            return install(wheel, tmp_path_factory.mktemp("release"))
        except NoIndex as reason:
            unavailable(reason)

    return make


@pytest.fixture(params=list(kept()))
def released(request: pytest.FixtureRequest, installed: Callable[[Path], Release]) -> Release:
    """Each kept release."""
    return installed(kept()[request.param])


@pytest.fixture
def next_release(installed: Callable[[Path], Release], tmp_path_factory: pytest.TempPathFactory) -> Release:
    """This tree, built and installed as the release that it would be."""
    return installed(build_wheel(tmp_path_factory.mktemp("dist")))
