"""What is delivered: the wheel's files, the source distribution's, and that one makes the other."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.e2e import environments

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180), pytest.mark.requirement("wheel.content")]

PORTIONS = {"v1", "registry", "a2a", "net", "telemetry", "sdk", "gateway", "cli", "testing"}


def files_of(wheel: Path) -> set[str]:
    """The files of a wheel that are installed as a package."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def metadata_of(wheel: Path, name: str) -> str:
    """One of its metadata files."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (each for each in archive.namelist() if each.endswith(f".dist-info/{name}"))
        return archive.read(path).decode()


def test_the_wheel_holds_every_portion_each_typed_and_nothing_else(wheel: Path) -> None:
    files = files_of(wheel)
    assert {name.split("/")[0] for name in files} == {"meshgate"}
    assert {name.split("/")[1] for name in files} == PORTIONS
    assert {f"meshgate/{portion}/py.typed" for portion in PORTIONS} <= files
    assert "meshgate/__init__.py" not in files  # it would hide all portions but one
    rules = "meshgate/registry/schemas/validate.binpb"  # protovalidate's own descriptors, for who has not installed it
    assert {name.rpartition(".")[2] for name in files - {rules}} <= {"py", "pyi", "typed", "proto"}
    assert rules in files
    assert [name for name in files if "test_" in name or "/tests/" in name or "__pycache__" in name] == []


def test_the_wheel_holds_every_module_of_the_checkout(wheel: Path) -> None:
    found = {
        str(path.relative_to(environments.ROOT / root))
        for root in ("protos", "registry", "sdk", "gateway")
        for path in (environments.ROOT / root).glob("meshgate/**/*.py")
    }
    assert {name for name in files_of(wheel) if name.endswith(".py")} == found


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    metadata = metadata_of(wheel, "METADATA")
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata
    extras = {line.partition(": ")[2] for line in metadata.splitlines() if line.startswith("Provides-Extra: ")}
    assert {"grpc", "gateway", "consul", "otel", "all", "dev"} <= extras
    assert "meshgate = meshgate.cli:main" in metadata_of(wheel, "entry_points.txt")
    assert "Apache License" in metadata_of(wheel, "licenses/LICENSE")


def test_the_source_distribution_has_no_tests_and_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    source = environments.build_source(tmp_path / "source")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "VERSIONING.md", "protos/meshgate/v1/py.typed"} <= names
    assert {name.split("/")[0] for name in names} & {"tests", "bench", "examples", "requirements", ".ci"} == set()
    again = environments.build_wheel(tmp_path / "again", source)
    assert files_of(again) == files_of(wheel)
    assert metadata_of(again, "METADATA") == metadata_of(wheel, "METADATA")
