"""Keeping a release: nothing that is kept is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compat.cut import Refused, keep_golden, keep_wheel, version_to_release

PROJECT = '[project]\nversion = "0.2.0"\n'
DATED = "# Changelog\n\n## 0.2.0 - 2026-12-01\n\n## 0.1.0 - 2026-11-21\n"


def folder(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / name.replace("_", ".")).write_text(text)
    return path


@pytest.mark.requirement("package.releases")
def test_a_version_is_released_once_it_is_dated_and_committed() -> None:
    assert version_to_release(PROJECT, DATED, "") == "0.2.0"
    with pytest.raises(Refused):
        version_to_release(PROJECT, DATED.replace("0.2.0", "0.3.0"), "")
    with pytest.raises(Refused):
        version_to_release(PROJECT, DATED, " M sdk/meshgate/sdk/agent.py\n")


@pytest.mark.requirement("package.releases")
def test_a_wheel_that_is_kept_is_not_replaced(tmp_path: Path) -> None:
    wheels = folder(tmp_path / "wheels")
    wheel = tmp_path / "meshgate-0.2.0-py3-none-any.whl"
    for data in (b"built", b"built"):
        wheel.write_bytes(data)
        assert keep_wheel(wheel, wheels).read_bytes() == b"built"
    wheel.write_bytes(b"built otherwise")
    with pytest.raises(Refused):
        keep_wheel(wheel, wheels)
    assert (wheels / wheel.name).read_bytes() == b"built"


@pytest.mark.requirement("compat.golden")
def test_golden_files_are_added_and_not_changed(tmp_path: Path) -> None:
    kept = tmp_path / "0.2.0"
    first = folder(tmp_path / "first", run_json="1", keys_sqlite="a", index_json="{}")
    assert keep_golden(first, kept) == ["index.json", "keys.sqlite", "run.json"]
    more = folder(tmp_path / "more", run_json="1", keys_sqlite="b", index_json='{"x": 1}', card_json="2")
    assert keep_golden(more, kept) == ["card.json"]
    assert (kept / "index.json").read_text() == '{"x": 1}'
    assert (kept / "keys.sqlite").read_text() == "a"
    for name, other in {"changed": "3", "gone": ""}.items():
        files = {"keys_sqlite": "a", "index_json": "{}", "card_json": "2", **({"run_json": other} if other else {})}
        with pytest.raises(Refused):
            keep_golden(folder(tmp_path / name, **files), kept)
    assert (kept / "run.json").read_text() == "1"
