"""Settings: which source wins, and what is refused with what remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.cli.launch.flags import FLAGS, arguments_of
from meshgate.gateway.config import Config, ConfigError, load_config


def load(tmp_path: Path, toml: str = "", environ: dict[str, str] | None = None, /, **flags: Any) -> Config:
    path = tmp_path / "meshgate.toml"
    path.write_text(toml)
    return load_config(flags, home=tmp_path, path=path, environ=environ or {})


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    toml = 'port = 1\njoin_port = 1\nadmin_port = 1\n[limits]\ndepth = 3\nrate = 7.5\n[[agents]]\ncard = "http://localhost:1/"'
    environ = {
        "MESHGATE_JOIN_PORT": "2",
        "MESHGATE_ADMIN_PORT": "2",
        "MESHGATE_LIMITS_DEPTH": "4",
        "MESHGATE_HOME": "/x",
    }
    config = load(tmp_path, toml, environ, admin_port=3, port=None)
    assert (config.port, config.join_port, config.admin_port) == (1, 2, 3)
    assert (config.limits.depth, config.limits.rate, config.agents[0].card) == (4, 7.5, "http://localhost:1/")


@pytest.mark.parametrize("variable", ["MESHGATE_CONTRACTS", "MESHGATE_JOIN_URL", "MESHGATE_KEY", "MESHGATE_DEBUG"])
def test_what_an_agent_or_a_client_is_told_by_the_environment_does_not_stop_a_gateway(
    tmp_path: Path, variable: str
) -> None:
    assert load(tmp_path, "", {variable: "frozen"}) == load(tmp_path)


@pytest.mark.requirement("config.unknown")
@pytest.mark.parametrize(
    ("toml", "environ", "near"),
    [
        ("prot = 1", {}, "port"),
        ("[limits]\ndepht = 1", {}, "depth"),
        ("", {"MESHGATE_PROT": "1"}, "MESHGATE_PORT"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest_known_one(
    tmp_path: Path, toml: str, environ: dict[str, str], near: str
) -> None:
    with pytest.raises(ConfigError, match=f"'{near}'"):
        load(tmp_path, toml, environ)


@pytest.mark.requirement("config.loopback")
@pytest.mark.parametrize("name", ["host", "join_host", "admin_host", "inspect_host"])
def test_nothing_beyond_loopback_is_bound_unless_told(tmp_path: Path, name: str) -> None:
    address: dict[str, Any] = {name: "0.0.0.0"}
    with pytest.raises(ConfigError, match="allow_remote"):
        load(tmp_path, **address)
    assert not load(tmp_path, allow_remote=True, **address).loopback


@pytest.mark.requirement("cors.setting")
def test_origins_come_from_each_source_and_a_wrong_one_is_named_with_its_place(tmp_path: Path) -> None:
    assert load(tmp_path).cors_origins == ()
    assert load(tmp_path, 'cors_origins = ["https://app.example"]').cors_origins == ("https://app.example",)
    both = load(tmp_path, "", {"MESHGATE_CORS_ORIGINS": "https://app.example, http://localhost:3000"})
    assert both.cors_origins == ("https://app.example", "http://localhost:3000")
    with pytest.raises(ConfigError, match=r"line 1: cors_origins: 'https://app\.example/' is no origin"):
        load(tmp_path, 'cors_origins = ["https://app.example/"]')
    with pytest.raises(ConfigError, match="keep the policy 'authentication'"):
        load(tmp_path, 'cors_origins = ["*"]\nwithout_policies = ["authentication"]')


@pytest.mark.requirement("push.setting")
def test_push_networks_come_from_each_source_and_a_wrong_one_is_named_with_its_place(tmp_path: Path) -> None:
    assert load(tmp_path).push_networks == ()
    assert load(tmp_path, 'push_networks = ["10.1.0.0/16", "fd00::/8"]').push_networks == ("10.1.0.0/16", "fd00::/8")
    both = load(tmp_path, "", {"MESHGATE_PUSH_NETWORKS": "10.1.0.0/16, 127.0.0.1"})
    assert both.push_networks == ("10.1.0.0/16", "127.0.0.1")
    assert load(tmp_path, "", push_networks=["::1/128"]).push_networks == ("::1/128",)
    assert [flag.on for flag in FLAGS if flag.setting == "push_networks"] == ["--push-network"]
    assert arguments_of({"push_networks": ["10.1.0.0/16", "::1"]}, None) == [
        *("--push-network", "10.1.0.0/16"),
        *("--push-network", "::1"),
    ]
    for wrong in ("10.1.2.3/16", "10.1.0.0/33", "hook.example", "", "10.1", "http://10.1.0.0/16"):
        with pytest.raises(ConfigError, match=r"line 1: push_networks: '[^']*' is no network: .*fd00::/8"):
            load(tmp_path, f'push_networks = ["10.1.0.0/16", "{wrong}"]')
    shown = "x" * 60
    with pytest.raises(
        ConfigError, match=f": push_networks: '{shown}' is no network: '{'x' * 79}. Write it as"
    ) as long:
        load(tmp_path, f'push_networks = ["{"x" * 1000}"]')
    assert str(long.value).endswith(". Write it as 10.1.0.0/16 or fd00::/8")


@pytest.mark.requirement("config.bounded")
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
@pytest.mark.parametrize("name", Limits.__struct_fields__)
def test_no_limit_can_be_switched_off(tmp_path: Path, name: str, value: str) -> None:
    whole = isinstance(getattr(DEFAULTS, name), int) and value in ("nan", "inf")
    problem = "must be a whole number" if whole else rf"limits\.{name} must be a finite number above 0, not {value}"
    with pytest.raises(ConfigError, match=problem):
        load(tmp_path, "", {f"MESHGATE_LIMITS_{name.upper()}": value})
    with pytest.raises(ConfigError, match=problem):
        load(tmp_path, f"[limits]\n{name} = {value}\n")


@pytest.mark.parametrize("toml", ["port = ", "port = 'x'", "port = 70000", "workers = 0", "grpc_port = -2"])
def test_what_cannot_be_is_refused(tmp_path: Path, toml: str) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path, toml)


@pytest.mark.requirement("foreign.secret_file")
@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ('bearer = "s3cr3t"', True),
        ('api_key = "s3cr3t"', True),
        ('headers = { X-Key = "s3cr3t" }', True),
        ('oauth2 = { client_id = "a", client_secret = "s3cr3t" }', True),
        ('bearer = "env:TOKEN"', False),
        ('headers = { X-Key = "file:/etc/key" }', False),
        ("", False),
    ],
)
def test_a_secret_stands_in_a_file_of_settings_that_nobody_else_can_read(
    tmp_path: Path, line: str, refused: bool
) -> None:
    path = tmp_path / "meshgate.toml"
    path.write_text(f'[[agents]]\ncard = "http://127.0.0.1:9"\n{line}\n')
    path.chmod(0o644)
    if refused:
        with pytest.raises(ConfigError) as told:
            load_config({}, home=tmp_path, environ={})
        assert f"chmod 600 {path}, or write env:NAME or file:PATH" in str(told.value)
        assert "s3cr3t" not in str(told.value)
        path.chmod(0o600)
    assert len(load_config({}, home=tmp_path, environ={}).agents) == 1


@pytest.mark.requirement("cards.found")
def test_an_agent_of_the_settings_has_a_url(tmp_path: Path) -> None:
    (tmp_path / "meshgate.toml").write_text('[[agents]]\ncard = "localhost:9000"\n')
    with pytest.raises(ConfigError) as told:
        load_config({}, home=tmp_path, environ={})
    fault = "[[agents]] card: 'localhost:9000' is no URL: write it like http://127.0.0.1:9000"
    assert str(told.value) == f"{tmp_path / 'meshgate.toml'}, line 2: {fault}"
