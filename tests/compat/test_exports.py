"""What a package of the first release listed can be imported from the same place."""

from __future__ import annotations

import ast
import importlib
import zipfile
from pathlib import Path

import pytest

WHEEL = Path(__file__).parent / "wheels" / "meshgate-0.1.0-py3-none-any.whl"
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
