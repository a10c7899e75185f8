"""What is given on the command line, and what a wrong one is answered with."""

import importlib.abc
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

from meshgate.a2a import errors
from meshgate.a2a.errors import MeshError
from meshgate.cli import main
from meshgate.cli.app import make_app
from meshgate.cli.commands.call import budget_of, data_of, text_of
from meshgate.cli.commands.register import counts_of, labels_of, protocol_of
from meshgate.cli.commands.up import limits_of
from meshgate.cli.exits import CliError, Exit, from_mesh
from meshgate.cli.launch.flags import FLAGS, arguments_of
from meshgate.gateway.config import Config
from meshgate.sdk.client.task_errors import TaskFailed
from meshgate.sdk.client.usage import Budget

NOT_FLAGS = {"consul_token", "agents"}
"""A token would be seen in the process list; agents are a table of the settings file."""
SPECIAL_KINDS: dict[str, Any] = dict.fromkeys(
    ("agent_networks", "card_keys", "cors_origins", "limits", "policies", "push_networks", "without_policies"),
    list[str],
)
"""Flags that are given once for each value."""


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(make_app())))
"""Every command and group by its words, as the app has them."""


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MESHGATE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MESHGATE_HOME", str(tmp_path / "home"))


def help_of(*command: str) -> str:
    done = CliRunner().invoke(make_app(), [*command, "--help"], env={"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"})
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.requirement("cli.help")
def test_the_app_has_the_commands_of_the_manual() -> None:
    assert len(COMMANDS) > 20
    assert {("up",), ("call",), ("schema",), ("schema", "check")} <= COMMANDS.keys()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.requirement("cli.help")
def test_every_command_teaches_by_examples_within_80_columns(command: tuple[str, ...]) -> None:
    text = help_of(*command)
    assert f"  {' '.join(('meshgate', *command))}" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.requirement("cli.help")
def test_every_command_and_each_of_its_options_has_a_help_text(command: tuple[str, ...]) -> None:
    of = COMMANDS[command]
    assert of.help
    assert [one.name for one in of.params if not one.help] == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.requirement("cli.help")
def test_the_help_of_a_command_names_what_it_takes(command: tuple[str, ...]) -> None:
    words = set(help_of(*command).split())
    taken = [name for one in COMMANDS[command].params for name in one.opts if name.startswith("--")]
    assert [name for name in taken if name not in words] == []
    assert [name for name in getattr(COMMANDS[command], "commands", ()) if name not in words] == []


def test_every_setting_is_a_flag_of_up_with_its_type() -> None:
    flags = {flag.setting: flag.kind for flag in FLAGS}
    types = {name: kind for name, kind in get_type_hints(Config).items() if name not in NOT_FLAGS}
    assert flags == {name: SPECIAL_KINDS.get(name, _plain(kind)) for name, kind in types.items()}


def _plain(kind: Any) -> Any:
    return next((one for one in get_args(kind) if one is not type(None)), kind)


def test_flags_show_the_default_that_is_in_force() -> None:
    shown = {flag.setting: flag.default for flag in FLAGS}
    plain = {name: value for name in shown if isinstance(value := getattr(Config(), name), int | str) and value}
    numbers = {name: str(value) for name, value in plain.items() if not isinstance(value, bool)}
    assert {name: text for name, text in numbers.items() if not shown[name].startswith(text)} == {}


@pytest.mark.parametrize("name", ["port", "grpc_port", "join_port", "admin_port", "workers", "admin_host"])
def test_the_help_shows_the_default_that_is_in_force(name: str) -> None:
    text = " ".join(help_of("up").replace("│", " ").split())
    after = re.split(rf"--{name.replace('_', '-')} +(?:-w +)?<", text, maxsplit=1)[1]
    assert after.split("[default: ", 1)[1].startswith(str(getattr(Config(), name)))


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["up", "--prot", "1"],
        ["up", "--port", "many"],
        ["up", "--limit", "dedline=3"],
        ["up", "--limit", "deadline"],
        ["call"],
        ["call", "hello"],
        ["call", "hello", "x", "--budget", "euros=3"],
        ["call", "hello", "--data", "{"],
        ["call", "hello", "--data", "@/nowhere/at/all"],
        ["register", "--card", "nonsense"],
        ["register", "--card", "http://["],
        ["register", "--card", "http://127.0.0.1:9", "--label", "region"],
        ["kill", "planet", "x"],
        ["kill", "job"],
        ["jobs", "--limit", "0"],
        ["schema", "nope"],
        ["schema", "show", "weather"],
        ["schema", "show", "a/b/c"],
        ["schema", "set", "a/b"],
        ["schema", "set", "a/b", "--input", "WIDE"],
        ["schema", "set", "a/b", "--mediation", "maybe"],
        ["schema", "promote", "a/b", "1.0.0", "dead"],
        ["schema", "check", "/nowhere/at/all"],
        ["schema", "check", "/"],
        ["schema", "check", "x", "--against", "paper"],
        ["schema", "check", "x", "--against", "git:"],
        ["schema", "check", "x", "--strict"],
        ["schema", "check", "x", "--side", "middle"],
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_2(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == Exit.USAGE
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        *(["agents"], ["job"], ["jobs"], ["explain", "x"], ["kill"], ["drain"], ["down"], ["call", "x", "y"]),
        *(["schema", "list"], ["schema", "show", "a/b"], ["schema", "usage", "a/b"], ["schema", "codegen", "a/b"]),
        *(["schema", "diff", "a/b", "1.0.0"], ["schema", "promote", "a/b", "1.0.0", "active"]),
    ],
)
def test_without_a_mesh_every_command_says_how_to_get_one(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == Exit.UNREACHABLE
    assert "Traceback" not in capfd.readouterr().err


def test_a_home_that_others_can_read_is_refused_with_the_remedy(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "run.json").write_text("{}")
    (home / "run.json").chmod(0o644)
    assert main(["agents"]) == Exit.FAILED
    assert "chmod 600" in capfd.readouterr().err


def test_a_bug_is_told_in_one_line_and_in_full_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> dict[str, object]:
        raise ZeroDivisionError("oops")

    for module in ("about", "version"):
        monkeypatch.setattr(f"meshgate.cli.commands.{module}.about", broken)
    assert main(["version"]) == Exit.FAILED
    assert "Traceback" not in capfd.readouterr().err
    monkeypatch.setenv("MESHGATE_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["version"])


def test_asking_for_the_version_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == main(["version"]) == 0
    first, *_ = capfd.readouterr().out.splitlines()
    assert first.startswith("meshgate ")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NoRoute(), Exit.UNREACHABLE),
        (errors.UpstreamUnavailable(), Exit.UNREACHABLE),
        (errors.Unauthenticated(), Exit.DENIED),
        (errors.PermissionDenied(), Exit.DENIED),
        (errors.Killed(), Exit.DENIED),
        (errors.RateLimited(), Exit.LIMIT),
        (errors.BudgetExhausted(), Exit.LIMIT),
        (errors.FanOut(), Exit.LIMIT),
        (errors.LoopDetected(), Exit.LIMIT),
        (errors.DepthExceeded(), Exit.LIMIT),
        (errors.UpstreamDeadline(), Exit.LIMIT),
        (errors.InvalidParams(), Exit.USAGE),
        (errors.OutcomeUnknown(), Exit.FAILED),
        (TaskFailed("no"), Exit.FAILED),
    ],
)
@pytest.mark.requirement("cli.exit_codes")
def test_each_way_to_fail_has_its_exit_code(error: MeshError, code: Exit) -> None:
    assert from_mesh(error).code == code


def test_when_to_try_again_is_part_of_the_remedy() -> None:
    assert "2.0 s" in from_mesh(errors.RateLimited(retry_after=2.0)).remedy


def test_a_budget_may_have_either_part_or_both() -> None:
    assert budget_of("calls=20,seconds=1.5") == Budget(calls=20, seconds=1.5)
    assert budget_of("seconds=3") == Budget(seconds=3.0)
    assert budget_of(None) is None


@pytest.mark.parametrize("text", ["", "calls", "calls=", "calls=0", "calls=1.5", "seconds=nan", "seconds=-1"])
def test_a_budget_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(CliError) as refused:
        budget_of(text)
    assert refused.value.code == Exit.USAGE


def test_data_is_json_or_a_file_of_it(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"n": [1]}')
    assert data_of(f"@{tmp_path}/d.json") == {"n": [1]}
    assert data_of("3") == 3
    assert data_of(None) is None


def test_text_that_is_no_dash_is_taken_as_it_is() -> None:
    assert text_of("a - b") == "a - b"
    assert text_of(None) is None


@pytest.mark.requirement("foreign.versions")
def test_a_protocol_is_a_version_of_a2a_that_is_spoken() -> None:
    assert [protocol_of(text) for text in ("", "1.0", "0.3")] == ["", "1.0", "0.3"]
    with pytest.raises(CliError, match=r"--protocol '1' is no version of A2A"):
        protocol_of("1")


def test_labels_are_pairs() -> None:
    assert labels_of(["a=b", "c=d=e"]) == {"a": "b", "c": "d=e"}


def test_counts_are_skills_with_a_number() -> None:
    assert counts_of(["a=1", "b=c=20"]) == {"a": 1, "b=c": 20}
    for text in ("a", "=2", "a=", "a=0", "a=-1", "a=two", "a=\u00b2"):
        with pytest.raises(CliError) as refused:
            counts_of([text])
        assert (refused.value.code, refused.value.message) == (
            Exit.USAGE,
            f"--reentrant {text!r} is no skill with a count",
        )


def test_limits_are_checked_against_those_there_are() -> None:
    assert limits_of(["deadline=30", "depth=4"]) == {"deadline": "30", "depth": "4"}
    assert limits_of([]) is None


def test_a_detached_mesh_is_given_the_flags_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [
        *("--config", "m.toml", "--port", "0", "--grpc-port", "-1", "--loopback-only"),
        *("--agent-network", "10.0.0.0/8", "--agent-network", "host", "--limit", "deadline=30", "--limit", "depth=4"),
        *("--no-card-grpc", "--public-cards"),
    ]
    seen: list[list[str]] = []

    def note(flags: dict[str, object], path: Path | None, *, detach: bool) -> None:
        seen.append(arguments_of(flags, path))

    monkeypatch.setattr("meshgate.cli.launch.launch.start", note)
    assert main(["up", *given]) == main(["up", *seen[0]]) == 0
    assert sorted(seen[0]) == sorted(given)
    assert seen[1] == seen[0]


class _Interrupts(importlib.abc.MetaPathFinder):
    """Ctrl-C while a module is looked for."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if name == "meshgate.cli.app":
            raise KeyboardInterrupt


@pytest.mark.requirement("cli.interrupt")
def test_interrupting_a_command_while_it_is_loaded_shows_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "meshgate.cli.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Interrupts(), *sys.meta_path])
    assert main(["agents"]) == 130
    assert capsys.readouterr().err == "error: interrupted\n"
