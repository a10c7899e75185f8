"""Commands that distributions install, and those that hide other commands."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from importlib.metadata import Distribution
from pathlib import Path

from examples.audit.checks.forms import Finding, Place, Surroundings
from examples.audit.checks.places import folders_in, name_of
from examples.audit.checks.texts import shown

__all__ = ["check_commands", "commands_of"]

_GROUPS = ("console_scripts", "gui_scripts")


def commands_of(folder: Path) -> list[str]:
    """The commands that a distribution's entry points install.

    Raises:
        ValueError: its entry points cannot be read.
    """
    try:
        points = Distribution.at(folder).entry_points
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"entry_points.txt: {error}") from None
    return sorted({point.name for point in points if point.group in _GROUPS})


def _plain(name: str) -> bool:
    return name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0"}


def check_commands(place: Place, search: str) -> Surroundings:
    """Look for commands that two distributions install, and for those that hide a command of the system.

    Args:
        search: folders as in ``PATH``; the environment's own is left out.
    """
    owners: dict[str, list[str]] = defaultdict(list)
    findings: list[Finding] = []
    for folder in (folder for site in place.sites for folder in folders_in(Path(site))):
        try:
            names = commands_of(folder)
        except ValueError as error:
            findings.append(Finding(kind="bad_metadata", subject=name_of(folder), detail=shown(str(error))))
            continue
        for name in filter(_plain, names):
            owners[name].append(name_of(folder))
    system = _search(search, place)
    for name, by in sorted(owners.items()):
        if len(set(by)) > 1:
            findings.append(Finding(kind="clash", subject=shown(name), detail=", ".join(sorted(set(by)))))
        hidden = next((folder / name for folder in system if os.access(folder / name, os.X_OK)), None)
        if hidden is not None:
            findings.append(Finding(kind="shadow", subject=shown(name), detail=f"{hidden}, by {by[0]}"))
    return Surroundings(count=len(owners), findings=findings)


def _search(search: str, place: Place) -> Iterable[Path]:
    found = (Path(part) for part in search.split(os.pathsep) if part)
    own = Path(place.scripts).resolve()
    return [folder for folder in dict.fromkeys(found) if folder.is_absolute() and folder.resolve() != own]
