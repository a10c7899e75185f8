"""What a mesh checks before it makes keys and shows them."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from meshgate.cli import main
from meshgate.cli.launch.preflight import check_before_start
from meshgate.gateway.config import Config
from meshgate.net.server import PortTaken

pytestmark = pytest.mark.requirement("cli.preflight")
FLAGS = ("--port", "--grpc-port", "--join-port", "--admin-port")


@pytest.mark.parametrize("flag", FLAGS)
def test_a_port_that_is_taken_is_told_before_any_key_is_made(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("MESHGATE_HOME", str(home))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        others = [word for other in FLAGS if other != flag for word in (other, "0")]
        assert main(["up", "--detach", flag, str(port), *others]) == 1
    said = capsys.readouterr()
    assert f"port {port} on 127.0.0.1 cannot be used" in said.err
    assert flag in said.err
    assert said.out == ""
    assert not home.exists()


@pytest.mark.parametrize(
    ("settings", "missing", "line"),
    [
        ({"registry": "consul://127.0.0.1:1"}, "consul.exceptions", "pip install 'meshgate[consul]'"),
        ({"otlp": "http://127.0.0.1:1"}, "meshgate.telemetry.otlp", "pip install 'meshgate[otel]'"),
    ],
)
def test_an_extra_that_is_missing_is_told_with_the_line_that_installs_it(
    settings: dict[str, Any], missing: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    real = importlib.import_module

    def import_module(name: str, package: str | None = None) -> Any:
        if name == missing:
            raise ModuleNotFoundError(name=name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", import_module)
    free = Config(port=0, grpc_port=0, join_port=0, admin_port=0, **settings)
    with pytest.raises(ImportError, match=line.replace("[", r"\[")):
        check_before_start(free)


def test_ports_that_are_free_stay_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = Config(port=port, grpc_port=-1, join_port=0, admin_port=0)
    check_before_start(config)
    check_before_start(config)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(PortTaken):
            check_before_start(config)


@pytest.mark.requirement("cards.key_files")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_file_of_a_key_for_cards_that_cannot_be_used_is_told_before_any_key_is_made(
    workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, file = tmp_path / "home", tmp_path / "card.pem"
    monkeypatch.setenv("MESHGATE_HOME", str(home))
    file.write_text("hello")
    free = [word for flag in FLAGS for word in (flag, "0")]
    assert main(["up", "--card-key", str(file), "--workers", workers, *free]) == 2
    assert "is no key in PEM without a password" in capsys.readouterr().err
    assert not home.exists()
