"""The kept releases: their wheels, each in an environment of its own, and their golden files."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.e2e import environments
from tests.e2e.environments import ROOT, Environment

__all__ = ["GOLDEN", "WHEELS", "Release", "install", "kept", "version_of"]

WHEELS = Path(__file__).parent / "wheels"
GOLDEN = Path(__file__).parent / "golden"


class Release(msgspec.Struct, frozen=True):
    """One release, installed. This tree's ``tests`` can be imported there, and ``meshgate`` is the release's."""

    version: str
    environment: Environment

    def program(self, module: str, *arguments: str | Path) -> str:
        """What a module of ``tests`` or ``tools`` printed, which has to end well."""
        return self.environment.ok("python", "-m", module, *arguments)


def kept() -> dict[str, Path]:
    """The wheel of each release, oldest first."""
    found = {version_of(path): path for path in WHEELS.glob("meshgate-*-py3-none-any.whl")}
    return dict(sorted(found.items(), key=lambda item: tuple(map(int, item[0].split(".")))))


def version_of(wheel: Path) -> str:
    """The version in a wheel's name."""
    return wheel.name.split("-")[1]


def install(wheel: Path, folder: Path) -> Release:
    """A release, installed from its wheel.

    Raises:
        NoIndex: it needs a package that is neither in uv's cache nor to be had.
    """
    requirement = environments.from_wheel(wheel, "gateway,consul")
    made = environments.make(
        folder / "environment", requirement, scratch=folder / "files", variables={"PYTHONPATH": str(ROOT)}
    )
    return Release(version_of(wheel), made)
