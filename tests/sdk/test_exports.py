"""The names of ``meshgate.sdk`` are loaded when they are used, each from where the types say."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from meshgate import sdk

pytestmark = pytest.mark.requirement("cli.startup")

SOURCE = Path(sdk.__file__ or "")


def declared() -> dict[str, str]:
    """The module of each name, as type checkers read it."""
    (block,) = (node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: str(node.module) for node in imports for alias in node.names}


def test_every_name_comes_from_where_type_checkers_look_for_it() -> None:
    assert sorted(declared()) == sorted(sdk.__all__) == sorted(dir(sdk))
    for name, module in declared().items():
        found = getattr(sdk, name)
        assert found is getattr(sys.modules[module], "RunningAgent" if name == "Served" else name)


def test_a_name_that_is_none_is_told_as_python_does() -> None:
    with pytest.raises(AttributeError, match=r"^module 'meshgate\.sdk' has no attribute 'Agnet'$"):
        _ = sdk.Agnet


def test_who_only_calls_loads_nothing_of_what_serves() -> None:
    program = "import sys; from meshgate.sdk import Mesh; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "meshgate.sdk.client.mesh" in loaded
    assert not loaded & {"uvicorn", "meshgate.sdk.agent", "meshgate.sdk.server.listener", "pydantic"}
