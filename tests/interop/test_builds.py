"""What is told where a client cannot be made ready to run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop import builds


@pytest.mark.parametrize(
    ("build", "folder", "remedy"),
    [
        (builds.go, "go", "there is no go: install Go"),
        (builds.cargo, "rust", "there is no cargo: install Rust"),
        (builds.npm, "javascript", "there is no node: install Node.js"),
    ],
    ids=["go", "rust", "javascript"],
)
def test_a_toolchain_that_is_not_there_is_named_with_its_remedy(
    build: Callable[[str], list[str]], folder: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHGATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(builds.Missing, match=remedy):
        build(folder)


def test_a_program_that_does_not_build_fails_with_what_its_compiler_said(tmp_path: Path) -> None:
    (tmp_path / "false").write_text("#!/bin/sh\necho 'undefined: a2a' >&2\nexit 1\n")
    (tmp_path / "false").chmod(0o755)
    with pytest.raises(AssertionError, match="undefined: a2a"):
        builds.run("go", tmp_path, tmp_path / "false", remedy="")
    (tmp_path / "false").write_text("#!/bin/sh\necho 'dial tcp: lookup proxy: no such host' >&2\nexit 1\n")
    with pytest.raises(builds.Missing, match="run this with a network"):
        builds.run("go", tmp_path, tmp_path / "false", remedy="")
