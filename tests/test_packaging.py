import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import unavailable

ROOT = Path(__file__).parents[1]
PORTIONS = [
    "protos/meshgate/v1",
    "registry/meshgate/registry",
    "sdk/meshgate/a2a",
    "sdk/meshgate/net",
    "sdk/meshgate/telemetry",
    "sdk/meshgate/sdk",
    "gateway/meshgate/gateway",
    "gateway/meshgate/cli",
    "gateway/meshgate/testing",
]


@pytest.mark.requirement("package.namespace")
def test_no_portion_closes_the_namespace() -> None:
    # One meshgate/__init__.py would hide the other three portions.
    assert list(ROOT.glob("*/meshgate/__init__.py")) == []


@pytest.mark.parametrize("portion", PORTIONS)
@pytest.mark.requirement("package.namespace")
def test_each_portion_says_that_it_is_typed(portion: str) -> None:
    assert (ROOT / portion / "py.typed").is_file()


def test_every_package_of_the_namespace_is_a_listed_portion() -> None:
    found = {str(path.parent.relative_to(ROOT)) for path in ROOT.glob("*/meshgate/*/__init__.py")}
    assert found <= set(PORTIONS)


@pytest.mark.parametrize(
    "lock",
    sorted(
        str(path.relative_to(ROOT))
        for folder in ("requirements", "tests/interop/*")
        for path in ROOT.glob(f"{folder}/*.lock")
        if path.name != "Cargo.lock"
    ),
)
@pytest.mark.requirement("package.lock")
def test_a_lock_pins_and_hashes_everything_and_names_no_place(lock: str) -> None:
    text = re.sub(r"^ *#.*\n", "", (ROOT / lock).read_text(), flags=re.MULTILINE)
    statements = text.replace("\\\n", "").splitlines()
    pinned = re.compile(r"[a-z0-9.-]+(\[[a-z,-]+\])?==\S+ .*--hash=sha256:")

    assert statements
    assert [line for line in statements if not pinned.match(line)] == []
    assert re.findall(r"://|-index|find-links", text) == []


def test_the_lock_holds_every_dependency_that_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    names = {match[0].lower() for each in named if (match := re.match(r"[A-Za-z0-9._-]+", each))} - {"meshgate"}
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements" / "dev.lock").read_text(), re.MULTILINE))

    assert names - locked == set()


def test_the_base_install_names_neither_grpcio_nor_the_a2a_sdk() -> None:
    dependencies = " ".join(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    assert "grpc" not in dependencies
    assert "a2a-sdk" not in dependencies


def test_the_schemas_import_without_grpcio() -> None:
    program = (
        "import sys; sys.modules['grpc'] = None\n"
        "from meshgate.v1 import capability_pb2, registry_pb2\n"
        "print(registry_pb2.Registration(agent='a').agent)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "a\n", done.stderr


@pytest.mark.integration
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.requirement("package.lock")
def test_the_lock_resolves_to_wheels_alone(python: str, tmp_path: Path) -> None:
    uv, lock = Path(sys.executable).with_name("uv"), ROOT / "requirements" / "dev.lock"
    wanted = ["--only-binary=:all:", "--require-hashes", f"--python-version={python}", f"--target={tmp_path}"]
    done = subprocess.run(
        [uv, "pip", "install", "--dry-run", *wanted, "-r", lock],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"UV_SYSTEM_CERTS": "1"},
    )
    if "error sending request" in done.stderr or "dns error" in done.stderr:
        unavailable("the package index can't be reached: run this with a network, or without by -m 'not integration'")
    assert done.returncode == 0, done.stderr


@pytest.mark.requirement("package.releases")
def test_the_wheel_of_each_release_is_kept_for_tests_of_compatibility() -> None:
    kept = {path.name.split("-")[1] for path in (ROOT / "tests/compat/wheels").glob("meshgate-*-py3-none-any.whl")}
    released = re.findall(r"^## (\d+\.\d+\.\d+) - ", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert kept == set(released)
