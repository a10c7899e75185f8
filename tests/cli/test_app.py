"""The list of commands, and how little is imported to run one of them."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from meshgate.cli import main
from meshgate.cli.app import COMMANDS, Listed
from meshgate.cli.help import help_of

HEAVY = {"httpx", "grpc", "fastapi", "aiohttp", "structlog", "consul", "opentelemetry.sdk"}
PROGRAM = """
import sys
from meshgate.cli import main
code = main(sys.argv[1:])
print("\\nIMPORTED", *sys.modules)
sys.exit(code)
"""


@pytest.mark.requirement("cli.startup")
@pytest.mark.parametrize("one", COMMANDS, ids=[one.name for one in COMMANDS])
def test_the_list_says_of_a_command_what_its_own_help_begins_with(one: Listed) -> None:
    found: Any = getattr(importlib.import_module(one.module), one.name)
    command = typer.main.get_command(found) if isinstance(found, typer.Typer) else None
    told = help_of(found) if command is None else inspect.cleandoc(command.help or "")
    assert one.summary == " ".join(told.split("\n\n")[0].split())


@pytest.mark.requirement("cli.startup")
@pytest.mark.parametrize("arguments", [["version"], ["version", "--json"], ["--version"], ["--help"], ["vesion"]])
def test_what_needs_no_gateway_imports_neither_clients_nor_servers(arguments: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "MESHGATE_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, env=environment, check=False
    )
    imported = set(done.stdout.partition("IMPORTED")[2].split())
    assert "meshgate.cli.app" in imported
    assert not imported & HEAVY
    if arguments != ["--version"]:
        assert not {one.module for one in COMMANDS if one.name not in arguments} & imported


@pytest.mark.requirement("cli.startup")
def test_a_slip_in_a_commands_name_is_told_with_the_name_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vesion"]) == 2
    assert "Did you mean 'version'" in capsys.readouterr().err


@pytest.mark.requirement("cli.startup")
def test_the_help_lists_every_command_and_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert [one.name for one in COMMANDS if f"│ {one.name} " not in text] == []
