"""A setting that cannot be used is named with the place where it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshgate.gateway.config import ConfigError, load_config
from meshgate.gateway.setting_place import place_of

pytestmark = pytest.mark.requirement("config.place")

FILE = """# settings
port = 8080
"host" = "127.0.0.1"

[limits]
# the rate
rate = 5.0
burst=10

[[agents]]
card = "http://one"

[[agents]]
card = "http://two"
oauth2 = { id = "x" }

[agents.labels]
region = "eu"
"""


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("port", 2),
        ("host", 3),
        ("limits.rate", 7),
        ("limits.burst", 8),
        ("limits.depth", 5),
        ("limits", 5),
        ("agents[0].card", 11),
        ("agents[1].card", 14),
        ("agents[1].oauth2.secret", 15),
        ("agents[1].name", 13),
        ("grpc_port", 0),
    ],
)
def test_a_key_of_the_file_has_a_line_and_one_that_is_not_there_that_of_its_table(
    tmp_path: Path, setting: str, line: int
) -> None:
    file = tmp_path / "meshgate.toml"
    file.write_text(FILE)
    assert place_of(setting, file, {}, {}) == (f"{file}, line {line}" if line else str(file))


def test_a_flag_is_stronger_than_a_variable_and_that_than_the_file(tmp_path: Path) -> None:
    file = tmp_path / "meshgate.toml"
    file.write_text(FILE)
    environ: dict[str, Any] = {"port": "1", "limits": {"rate": "1"}}
    assert place_of("port", file, environ, {"port": 2}) == "--port"
    assert place_of("port", file, environ, {}) == "MESHGATE_PORT"
    assert place_of("limits.rate", file, environ, {}) == "MESHGATE_LIMITS_RATE"
    assert place_of("grpc_port", None, {}, {}) == ""
    assert place_of("", file, environ, {}) == ""
    assert place_of("port", tmp_path / "gone.toml", {}, {}) == str(tmp_path / "gone.toml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('port = "x"\n', "{file}, line 1: port: must be a whole number, not a string"),
        ("# first\nport = 70000\n", "{file}, line 2: port must be 0 to 65535"),
        ("\n[limits]\nrate = -1\n", "{file}, line 3: limits: limits.rate must be a finite number above 0, not -1"),
        ("[limits]\n\nrat = 1\n", "{file}, line 3 [limits]: there is no setting 'rat'; did you mean 'rate'?"),
        ("prot = 1\n", "{file}, line 1: there is no setting 'prot'; did you mean 'port'?"),
        ('[[agents]]\ncard = "http://a"\n[[agents]]\ncard = 5\n', "{file}, line 4: agents[1].card: must be a string"),
        ('[[agents]]\ncard = "ftp://a"\n', "{file}, line 2: [[agents]] card: "),
    ],
)
def test_a_bad_setting_is_told_with_its_file_and_line(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "meshgate.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_config({}, home=tmp_path, environ={})
    assert str(refused.value).startswith(told.format(file=file))


def test_one_of_the_environment_or_of_the_command_line_is_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^MESHGATE_PORT: port: must be a whole number"):
        load_config({}, home=tmp_path, environ={"MESHGATE_PORT": "x"})
    with pytest.raises(ConfigError, match=r"^--port: port must be 0 to 65535"):
        load_config({"port": 70000}, home=tmp_path, environ={})
