"""The client's commands work where neither grpcio, nor a2a-sdk, nor what only a gateway needs is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

MISSING = (
    *("grpc", "a2a", "fastapi", "prometheus_client", "pybreaker", "consul", "opentelemetry"),
    *("cel", "protovalidate"),
)
LOCK = str(Path(__file__).parents[2] / "examples" / "evolution" / "v1_0" / "contracts.lock.json")
PROGRAM = f"""
import sys
for name in {MISSING!r}:
    sys.modules[name] = None
from meshgate.cli import main
sys.exit(main(sys.argv[1:]))
"""


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MESHGATE_")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**environ, "MESHGATE_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["version"], 0),
        (["--help"], 0),
        (["doctor"], 3),
        (["call", "hello", "x"], 3),
        (["agents"], 3),
        (["job", "last"], 3),
        (["down"], 3),
        (["register", "--card", "http://127.0.0.1:9"], 3),
        (["deregister", "x"], 3),
        (["schema", "--help"], 0),
        (["schema", "check", LOCK, "--against", f"image:{LOCK}"], 0),
        (["schema", "check", LOCK], 3),
        (["schema", "codegen", "a/b"], 3),
    ],
)
@pytest.mark.requirement("cli.base")
def test_a_client_needs_no_extra(arguments: list[str], code: int, tmp_path: Path) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


@pytest.mark.requirement("cli.base")
def test_a_gateway_without_its_extra_is_the_line_that_installs_it(tmp_path: Path) -> None:
    done = run(tmp_path, "up")
    assert done.returncode == 2
    assert "pip install 'meshgate[gateway]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
