"""What a package of the first release listed can be imported from the same place; what moved is in the changelog."""

from __future__ import annotations

import ast
import importlib
import re
import zipfile
from pathlib import Path

import pytest

WHEEL = Path(__file__).parent / "wheels" / "meshgate-0.1.0-py3-none-any.whl"
CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
NOT_FOR_IMPORT = ("meshgate.cli.", "meshgate.v1.mesh_pb2")
"""The command's own modules, and what ended with the first release."""
MODULES = {
    "meshgate.gateway.keys": ("KeyRecord", "KeyStore", "MeshKey", "WeakSecret", "new_key"),
    "meshgate.registry.home": ("Home", "HomeError", "Run"),
    "meshgate.sdk.contracts": ("Bytes", "ClientModel", "Duration", "Float"),
}
"""Modules that programs and generated clients import, beside the packages."""


def listed() -> list[tuple[str, str]]:
    """Each name in the ``__all__`` of each package."""
    found: list[tuple[str, str]] = []
    with zipfile.ZipFile(WHEEL) as wheel:
        for file in wheel.namelist():
            if file.endswith("/__init__.py"):
                package = file.removesuffix("/__init__.py").replace("/", ".")
                found += [(package, name) for name in _all_of(wheel.read(file))]
    return found


def _all_of(source: bytes) -> list[str]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []


@pytest.mark.requirement("compat.exports")
def test_the_first_release_lists_what_this_test_reads() -> None:
    assert len(listed()) == 91


@pytest.mark.requirement("compat.exports")
@pytest.mark.parametrize(("package", "name"), listed() + [(m, name) for m, names in MODULES.items() for name in names])
def test_what_was_listed_is_still_there(package: str, name: str) -> None:
    assert hasattr(importlib.import_module(package), name)


def modules() -> set[str]:
    """The modules of the first release."""
    with zipfile.ZipFile(WHEEL) as wheel:
        files = [file for file in wheel.namelist() if file.startswith("meshgate/") and file.endswith(".py")]
    return {file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in files}


def moved() -> dict[str, str]:
    """Where each module is that moved, from the tables of the changelog."""
    found: dict[str, str] = {}
    for row in re.findall(r"^\| `(meshgate[.\w]*)` \| (.*) \|$", CHANGELOG.read_text("utf-8"), re.MULTILINE):
        for old, new in re.findall(r"`([.\w]+)` → `([.\w]+)`", row[1]):
            found[f"{row[0]}.{old}"] = new if new.startswith("meshgate.") else f"{row[0]}.{new}"
    return found


def is_there(module: str) -> bool:
    """Whether a module can be imported."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        return False
    return True


@pytest.mark.requirement("compat.moved")
def test_the_changelog_tells_of_each_module_that_is_gone_where_it_is() -> None:
    gone = {module for module in modules() if not module.startswith(NOT_FOR_IMPORT) and not is_there(module)}
    assert gone - moved().keys() == set()
    assert moved().keys() - modules() == set()
    assert [new for new in moved().values() if not is_there(new)] == []
