"""What 0.1.0 exported from the two packages can still be imported from them."""

from __future__ import annotations

import importlib

import pytest

REGISTRY = """
    ANY_SKILL SWITCH_KINDS Capability Delta Endpoint Entry Explanation Group HealthCheck Instance Lease Manifest
    MemoryRegistry Registry RegistryUnavailable SchemaRef Scope Switch Table UnknownLease Verdict Watcher catalogue
    explain open_registry select
"""
SCHEMAS = """
    RULES BadSchema Contract Image Incompatible Migration Mode Release Rule Settings Stage StageRefused Subject
    VersionRetired VersionTaken Violation admit compare examine judge load_image promote
"""


@pytest.mark.parametrize(
    ("package", "names"), [("meshgate.registry", REGISTRY), ("meshgate.registry.schemas", SCHEMAS)]
)
def test_an_exported_name_stays(package: str, names: str) -> None:
    module = importlib.import_module(package)
    assert set(names.split()) <= set(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize(
    ("package", "old", "new"),
    [
        ("meshgate.registry", "Table", "Index"),
        ("meshgate.registry", "Verdict", "Candidate"),
        ("meshgate.registry.schemas", "Contract", "ReleaseSide"),
        ("meshgate.registry.schemas", "Settings", "SubjectSettings"),
    ],
)
def test_an_old_name_is_the_renamed_class(package: str, old: str, new: str) -> None:
    module = importlib.import_module(package)
    assert getattr(module, old) is getattr(module, new)
