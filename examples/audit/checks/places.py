"""Environments, and what is installed in them."""

from __future__ import annotations

import email
import re
from collections import Counter
from collections.abc import Iterator
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path

from examples.audit.checks.forms import Finding, Installed, Inventory, Place
from examples.audit.checks.texts import shown

__all__ = ["NoEnvironment", "checked_folder", "find_place", "folders_in", "metadata_of", "name_of", "take_inventory"]

_SUFFIXES = (".dist-info", ".egg-info")


class NoEnvironment(Exception):
    """There is nothing to audit; the message says where it was looked for."""


def find_place(env: str | Path) -> Place:
    """The environment at a path: a virtual environment's folder, an installation's prefix, or a site-packages folder.

    Raises:
        NoEnvironment: it is none of these.
    """
    given = Path(env).expanduser()
    if not given.is_dir():
        raise NoEnvironment(f"{given} is no folder: give a virtual environment or a site-packages folder")
    root = given.resolve()
    if sites := _sites_under(root):
        return _place(root, sites)
    if root.name in ("site-packages", "dist-packages") or next(folders_in(root), None) is not None:
        return _place(_prefix_of(root), [root])
    raise NoEnvironment(
        f"{given} has no lib/python3*/site-packages and is none itself: give a virtual environment "
        "(the folder with pyvenv.cfg in it) or a site-packages folder"
    )


def _sites_under(root: Path) -> list[Path]:
    patterns = ("lib/python3*/site-packages", "lib64/python3*/site-packages", "Lib/site-packages")
    found = (path.resolve() for pattern in patterns for path in sorted(root.glob(pattern)))
    return list(dict.fromkeys(path for path in found if path.is_dir()))  # lib64 is often a link to lib


def _prefix_of(site: Path) -> Path:
    # .../lib/pythonX.Y/site-packages on POSIX, ...\Lib\site-packages on Windows
    if site.parent.name.startswith("python") and site.parents[1].name in ("lib", "lib64"):
        return site.parents[2]
    return site.parents[1] if site.parent.name == "Lib" else site


def _place(prefix: Path, sites: list[Path]) -> Place:
    scripts = prefix / ("Scripts" if (prefix / "Scripts").is_dir() else "bin")
    return Place(prefix=str(prefix), sites=[str(site) for site in sites], scripts=str(scripts))


def folders_in(site: Path) -> Iterator[Path]:
    """The metadata folders (or ``.egg-info`` files) in a site-packages folder, by name."""
    return (path for path in sorted(site.iterdir()) if path.suffix in _SUFFIXES)


def checked_folder(folder: str, place: Place) -> Path:
    """A metadata folder that somebody named, as a path.

    Raises:
        ValueError: it is not one of this environment.
    """
    path = Path(folder)
    if path.suffix not in _SUFFIXES or str(path.parent) not in place.sites or not path.exists():
        raise ValueError(f"{shown(folder)} is no distribution of {place.prefix}")
    return path


def metadata_of(folder: Path) -> Message:
    """A distribution's core metadata, empty if it has none.

    Raises:
        ValueError: it is not UTF-8.
    """
    found = Distribution.at(folder)
    names = ("METADATA", "PKG-INFO") if folder.is_dir() else ("",)
    text = next((text for name in names if (text := found.read_text(name))), "")
    return email.message_from_string(text)


def name_of(folder: Path) -> str:
    """A distribution's name, from the name of its folder."""
    return shown(folder.name.removesuffix(folder.suffix).partition("-")[0])


def _look(folder: Path) -> tuple[Installed, list[Finding]]:
    name, version = name_of(folder), ""
    findings: list[Finding] = []
    try:
        metadata = metadata_of(folder)
    except ValueError:
        findings.append(Finding(kind="bad_metadata", subject=name, detail="its METADATA is not UTF-8"))
    else:
        if not metadata["Name"] or not metadata["Version"]:
            detail = "its METADATA names no Name or no Version"
            findings.append(Finding(kind="bad_metadata", subject=name, detail=detail))
        name, version = shown(str(metadata["Name"] or name)), shown(str(metadata["Version"] or ""))
    record = folder / "RECORD"
    weight = record.stat().st_size if record.is_file() else 0
    return Installed(name=name, version=version, folder=str(folder), weight=weight), findings


def take_inventory(place: Place) -> Inventory:
    """What is installed, and what is installed twice."""
    looked = [_look(folder) for site in place.sites for folder in folders_in(Path(site))]
    findings = [finding for _, found in looked for finding in found]
    counted = Counter(_normal(one.name) for one, _ in looked)
    for name in sorted(name for name, count in counted.items() if count > 1):
        versions = ", ".join(one.version or "?" for one, _ in looked if _normal(one.name) == name)
        findings.append(Finding(kind="duplicate", subject=name, detail=versions))
    return Inventory(place=place, distributions=[one for one, _ in looked], findings=findings)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
