"""``meshgate schema lock``: the lock file of a program's agents, without starting them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshgate.cli import main

pytestmark = pytest.mark.requirement("cli.schema.lock")

PROGRAM = """
from pathlib import Path

from meshgate.sdk import Agent
from pydantic import BaseModel

agent = Agent("weather", contracts=Path(__file__).with_name("lock.json"))
other = Agent("plain")


class Query(BaseModel):
    city: str


@agent.skill
async def forecast(query: Query) -> Query:
    return query


if __name__ == "__main__":
    agent.run()
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "weather_agent.py"
    path.write_text(PROGRAM)
    return path


def test_it_writes_the_file_and_check_says_whether_it_is_current(
    program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = program.with_name("lock.json")
    assert main(["schema", "lock", str(program), "--check"]) == 1
    assert "run the agent once, or 'meshgate schema lock'" in capsys.readouterr().err
    assert not lock.exists()
    assert main(["schema", "lock", str(program)]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "the contracts of weather are up to date\n")
    assert json.loads(lock.read_bytes())["contracts"]["weather/forecast"]
    assert main(["schema", "lock", str(program), "--check"]) == 0
    assert capsys.readouterr().err == "the contracts of weather are current\n"
    program.write_text(PROGRAM.replace("city: str", "city: str\n    days: int = 1"))
    assert main(["schema", "lock", str(program), "--check"]) == 1


def test_a_module_is_named_as_python_imports_it(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(program.parent)
    program.rename(program.with_name("agent_by_its_module.py"))
    assert main(["schema", "lock", "agent_by_its_module"]) == 0
    assert program.with_name("lock.json").exists()


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("x = 1\n", 2, "has no agent with contracts"),
        ("import nothing_of_that_name\n", 2, "cannot be imported: No module named 'nothing_of_that_name'"),
        ("1 / 0\n", 2, "cannot be imported: division by zero"),
        ("def (\n", 2, "cannot be imported: "),
    ],
)
def test_a_program_that_cannot_be_used_says_why(
    program: Path, capsys: pytest.CaptureFixture[str], text: str, code: int, told: str
) -> None:
    program.write_text(text)
    assert main(["schema", "lock", str(program)]) == code
    assert told in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "lock", str(tmp_path / "no.py")]) == 2
    assert "there is no file" in capsys.readouterr().err
