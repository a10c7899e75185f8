"""Secrets that settings and flags name."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgate.a2a.errors import InvalidParams
from meshgate.registry import secret_text
from meshgate.registry.secret_text import is_literal

pytestmark = pytest.mark.requirement("foreign.credential", "foreign.secret_file")


def kept(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return f"file:{path}"


def test_a_secret_is_itself_a_variable_or_a_private_file(tmp_path: Path) -> None:
    environ = {"KEY": " k \n"}
    assert secret_text.read_secret("plain", environ, "--x") == "plain"
    assert secret_text.read_secret("", environ, "--x") == ""
    assert secret_text.read_secret("env:KEY", environ, "--x") == "k"
    assert secret_text.read_secret(kept(tmp_path, "f\n"), environ, "--x") == "f"
    assert [is_literal(text) for text in ("plain", "", "env:KEY", "file:x")] == [True, False, False, False]


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o666])
def test_a_file_that_others_can_read_holds_no_secret(tmp_path: Path, mode: int) -> None:
    text = kept(tmp_path, "f", mode)
    with pytest.raises(InvalidParams) as refused:
        secret_text.read_secret(text, {}, "--x")
    path = tmp_path / "secret"
    assert refused.value.message == f"--x: {path} can be read by others: chmod 600 {path}"
    assert secret_text.read_secret(text, {}, "--ca", private=False) == "f"


def test_what_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    for text, told in [
        ("env:NONE", "--x: the environment variable 'NONE' is not set"),
        ("env:EMPTY", "--x: the environment variable 'EMPTY' is not set"),
        ("file:/nowhere/x", "--x: /nowhere/x cannot be read (No such file or directory)"),
        (f"file:{tmp_path}", "cannot be read (Is a directory)"),
        (f"file:{tmp_path}/binary", "cannot be read (it is no text)"),
        (kept(tmp_path, "\n"), "is empty or larger than 65536 bytes"),
    ]:
        with pytest.raises(InvalidParams) as refused:
            secret_text.read_secret(text, {"EMPTY": ""}, "--x", private=text != f"file:{tmp_path}")
        assert told in refused.value.message


def test_a_very_large_file_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(InvalidParams):
        secret_text.read_secret(kept(tmp_path, "x" * 70_000), {}, "--x")
