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


def test_the_old_names_are_the_renamed_classes() -> None:
    from meshgate import registry
    from meshgate.registry import schemas

    assert (registry.Table, registry.Verdict) == (registry.Index, registry.Candidate)
    assert (schemas.Contract, schemas.Settings) == (schemas.ReleaseSide, schemas.SubjectSettings)
