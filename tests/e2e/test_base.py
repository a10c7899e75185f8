"""What the base install is, and what it does without."""

import json
import subprocess
import sys

import pytest

from tests.e2e.environments import ROOT, Environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]  # with a cold cache the first one fetches packages

EXTRAS = (
    *("grpc", "a2a", "google.rpc", "fastapi", "prometheus_client", "pybreaker", "consul", "opentelemetry"),
    *("cel", "protovalidate"),
)
COMMANDS = (
    *("up", "down", "doctor", "call", "agents", "job", "jobs", "explain", "register", "kill", "drain"),
    *("schema", "version"),
)


def importable(environment: Environment, *names: str) -> set[str]:
    """Which of these modules an environment can import."""
    program = (
        "import importlib, json, sys\n"
        "def there(name):\n"
        "    try:\n"
        "        return bool(importlib.import_module(name))\n"
        "    except ModuleNotFoundError:\n"
        "        return False\n"
        "print(json.dumps([name for name in json.load(sys.stdin) if there(name)]))\n"
    )
    return set(json.loads(environment.ok("python", "-c", program, stdin=json.dumps(names))))


@pytest.mark.requirement("wheel.base")
def test_the_base_install_has_none_of_what_the_extras_bring(base: Environment) -> None:
    assert importable(base, *EXTRAS, "meshgate.sdk") == {"meshgate.sdk"}


@pytest.mark.requirement("wheel.base")
def test_the_base_install_imports_everything_that_serves_calls_and_commands(base: Environment) -> None:
    program = (
        "import pkgutil, importlib, sys, meshgate.sdk, meshgate.cli, meshgate.registry, meshgate.v1\n"
        "for package in (meshgate.sdk, meshgate.cli, meshgate.v1):\n"
        "    for module in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "        if not module.name.endswith(('__main__', '_grpc')):\n"
        "            importlib.import_module(module.name)\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'grpc', 'a2a'}))\n"
    )
    assert base.ok("python", "-c", program) == "[]\n"


@pytest.mark.requirement("wheel.base")
def test_help_lists_every_command(base: Environment) -> None:
    text = base.ok("meshgate", "--help")
    assert [name for name in COMMANDS if f" {name} " not in text] == []
    assert "Exit codes" in text


def test_the_version_is_that_of_the_wheel(base: Environment) -> None:
    program = "import importlib.metadata as metadata; print(metadata.version('meshgate'))"
    assert base.ok("python", "-c", program).strip() in base.ok("meshgate", "version")


@pytest.mark.requirement("wheel.base")
def test_a_gateway_on_the_base_install_is_refused_with_the_line_that_installs_it(base: Environment) -> None:
    done = base.run("meshgate", "up")
    assert done.returncode == 2
    assert "pip install 'meshgate[gateway]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_clients_that_are_not_ours_have_nothing_of_ours(stub: Environment, a2a: Environment) -> None:
    assert importable(stub, "meshgate", "grpc", "a2a.types.a2a_pb2_grpc") == {"grpc", "a2a.types.a2a_pb2_grpc"}
    assert importable(a2a, "meshgate", "a2a.client") == {"a2a.client"}


@pytest.mark.parametrize(
    ("place", "allowed"), [("tests/e2e/test_x.py", False), ("tests/e2e/apps/x.py", True)], ids=["tests", "apps"]
)
def test_importing_the_product_is_a_lint_error_here_but_not_in_what_the_environments_run(
    place: str, allowed: bool
) -> None:
    program = "from meshgate.sdk import Agent\n\n__all__ = ['Agent']\n"
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select=TID251", "--stdin-filename", place, "-"]
    done = subprocess.run(ruff, input=program, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode == 0, "TID251" in done.stdout) == (allowed, not allowed)
