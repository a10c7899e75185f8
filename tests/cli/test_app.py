"""The list of commands, and how little is imported to run one of them."""

from __future__ import annotations

import importlib
import inspect
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from meshgate.a2a.protocol_version import PROTOCOL_VERSION
from meshgate.cli import main
from meshgate.cli.app import make_app
from meshgate.cli.command_table import COMMANDS, OPTIONS, Listed
from meshgate.cli.commands import about
from meshgate.cli.help import help_of
from meshgate.registry.extras import EXTRAS, extras

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


def imported(tmp_path: Path, *arguments: str) -> set[str]:
    """The modules that a process has loaded when it has run a command."""
    environment = {**os.environ, "MESHGATE_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, env=environment, check=False
    )
    return set(done.stdout.partition("IMPORTED")[2].split())


@pytest.mark.requirement("cli.startup")
@pytest.mark.parametrize("arguments", [["version"], ["version", "--json"], ["--version"], ["--help"], [], ["vesion"]])
def test_what_needs_no_gateway_imports_neither_clients_nor_servers(arguments: list[str], tmp_path: Path) -> None:
    found = imported(tmp_path, *arguments)
    assert "meshgate.cli" in found
    assert not found & {*HEAVY, "pydantic"}
    if arguments != ["--version"]:
        assert not {one.module for one in COMMANDS if one.name not in arguments} & found
    if arguments in (["version"], ["--version"], ["--help"]):
        assert "typer" not in found


@pytest.mark.requirement("cli.startup")
def test_what_the_version_repeats_is_what_the_others_say() -> None:
    assert about.PROTOCOL == PROTOCOL_VERSION
    assert {name: sorted(modules) for name, modules in about.EXTRAS.items()} == {
        name: sorted(modules) for name, modules in EXTRAS.items()
    }
    assert about.about()["extras"] == [name for name, there in extras().items() if there]


@pytest.mark.requirement("cli.startup")
def test_a_call_imports_what_one_call_needs(tmp_path: Path) -> None:
    found = imported(tmp_path, "call", "hello", "Good morning")
    assert "meshgate.sdk.client.mesh" in found
    assert not found & {"pydantic", "aiohttp", "httpcore", "uvicorn", "grpc", "meshgate.sdk.agent"}


BASES = {"seen": "import typer, rich", "called": "import typer, rich, msgspec, httpx"}
LIMIT = 1.6


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.integration
@pytest.mark.requirement("cli.startup")
def test_a_command_costs_little_more_than_the_libraries_that_it_must_load(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "MESHGATE_HOME": str(tmp_path),
        "MESHGATE_URL": "http://127.0.0.1:9",
        "MESHGATE_KEY": "k",
    }
    lines = {"version": ["version"], "help": ["--help"], "call": ["call", "hello", "Good morning"]}
    commands = {name: [sys.executable, "-c", program] for name, program in BASES.items()}
    commands |= {name: [sys.executable, "-m", "meshgate.cli", *line] for name, line in lines.items()}
    seen: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(9):
        for name, command in commands.items():
            seen[name].append(cpu_seconds(command, environment))
    median = {name: statistics.median(times) for name, times in seen.items()}
    found = {name: median[name] / median["called" if name == "call" else "seen"] for name in lines}
    assert not {name: ratio for name, ratio in found.items() if ratio > LIMIT}, found


@pytest.mark.requirement("cli.startup")
def test_a_slip_in_a_commands_name_is_told_with_the_name_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vesion"]) == 2
    assert "Did you mean 'version'" in capsys.readouterr().err


@pytest.mark.requirement("cli.startup")
def test_the_help_lists_every_command_and_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert [one.name for one in COMMANDS if f"│ {one.name} " not in text] == []


@pytest.mark.requirement("cli.startup")
def test_the_help_lists_the_options_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    command: Any = typer.main.get_command(make_app(listed=True))
    there = [
        ", ".join(one.opts) for one in command.get_params(command.make_context("meshgate", [], resilient_parsing=True))
    ]
    assert [", ".join(sorted(name.split(", "))) for name, _ in OPTIONS] == [
        ", ".join(sorted(one.split(", "))) for one in there
    ]
    assert main(["-h"]) == 0
    shown = capsys.readouterr().out
    assert [name for name, _ in OPTIONS if name not in shown] == []


@pytest.mark.requirement("cli.startup")
def test_without_a_command_the_help_is_shown_and_the_exit_code_says_that_nothing_was_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 2
    assert "Usage: meshgate" in capsys.readouterr().out


@pytest.mark.requirement("cli.startup")
@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["call"], "Missing argument 'selector'"),
        (["call", "x", "y", "--deadline", "soon"], "'--deadline'"),
        (["call", "x", "y", "--deadline", "0"], "0.001"),
        (["up", "--port", "many"], "'--port'"),
    ],
)
def test_what_needs_a_conversion_is_converted_and_refused(
    capsys: pytest.CaptureFixture[str], line: list[str], told: str
) -> None:
    assert main(line) == 2
    assert told in capsys.readouterr().err
