"""What earlier releases wrote is read as they meant it, and what this tree writes can be kept of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from tests.compat.cut import keep_golden
from tests.compat.reading import KINDS, read
from tests.compat.releases import GOLDEN, Release, kept
from tests.support.gateway import ROOT, environment

FOLDERS = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir())
ADDED_TO = ["joined.json", "register.json", "renewed.json"]
"""Messages that a later release may send with more fields."""

LET_GO = ("derived.json.made.inbound: ",)
"""What 0.1 derived and 0.2 derives otherwise: the inbound secret names its agent, and is kept nowhere."""

_LABELS = "names.json.metrics."


def index(folder: Path) -> dict[str, dict[str, Any]]:
    """What the files of a folder are, and what they say."""
    found: dict[str, dict[str, Any]] = json.loads((folder / "index.json").read_text("utf-8"))
    return found


def kinds(folder: Path) -> dict[str, str]:
    """The kinds of a folder's files, by name."""
    return {name: about["kind"] for name, about in index(folder).items()}


def lost(stated: Any, found: Any, path: str = "") -> list[str]:
    """Where ``found`` says something else than stated. It may say more of an object, and of the labels
    of a metric: a release adds fields.
    """
    inner: list[tuple[str, Any, Any]] | None = None
    if isinstance(stated, dict) and isinstance(found, dict):
        values, given = cast("dict[str, Any]", stated), cast("dict[str, Any]", found)
        inner = [(f"{path}.{key}", value, given.get(key, "nothing")) for key, value in values.items()]
    elif isinstance(stated, list) and isinstance(found, list):
        items, others = cast("Sequence[Any]", stated), cast("Sequence[Any]", found)
        if path.startswith(_LABELS):
            others = others[: len(items)]
        if len(items) == len(others):
            inner = [(f"{path}[{at}]", item, others[at]) for at, item in enumerate(items)]
    if inner is not None:
        return [each for where, one, other in inner for each in lost(one, other, where)]
    return [] if stated == found else [f"{path}: {stated!r} became {found!r}"]


@pytest.mark.requirement("compat.golden")
def test_every_kept_wheel_has_golden_files_and_the_reverse() -> None:
    assert set(kept()) == set(FOLDERS)


@pytest.mark.parametrize("version", FOLDERS)
@pytest.mark.requirement("compat.golden")
def test_the_index_says_what_each_file_is(version: str) -> None:
    folder = GOLDEN / version
    listed = index(folder)
    assert {file.name for file in folder.iterdir()} - {"index.json"} == set(listed)
    assert {about["kind"] for about in listed.values()} <= KINDS
    assert [name for name, about in listed.items() if not about["what"] or "unreadable" in str(about["value"])] == []


@pytest.mark.parametrize("version", FOLDERS)
@pytest.mark.requirement("compat.golden")
async def test_what_a_release_wrote_is_read_as_it_meant_it(version: str) -> None:
    folder = GOLDEN / version
    found = await read(folder, kinds(folder))
    stated = {name: about["value"] for name, about in index(folder).items()}
    changed = [each for name in stated for each in lost(stated[name], found[name], name)]
    assert [each for each in changed if not each.startswith(LET_GO)] == []


@pytest.fixture(scope="session")
def todays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this tree writes."""
    folder = tmp_path_factory.mktemp("today") / "golden"
    command = [sys.executable, "-m", "tools.golden", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.requirement("compat.golden")
def test_every_kind_of_file_is_written_and_read(todays: Path) -> None:
    listed = index(todays)
    assert {file.name for file in todays.iterdir()} == set(listed) | {"index.json"}
    assert {about["kind"] for about in listed.values()} == KINDS
    assert [name for name, about in listed.items() if not about["what"] or "unreadable" in str(about["value"])] == []


@pytest.mark.e2e
@pytest.mark.requirement("compat.golden")
def test_a_release_of_this_tree_can_be_kept_and_writes_the_same_bytes_each_time(
    next_release: Release, todays: Path, tmp_path: Path
) -> None:
    made, kept_files = tmp_path / "made", tmp_path / "kept"
    next_release.program("tools.golden", made)
    assert set(keep_golden(made, kept_files)) == {file.name for file in todays.iterdir()}
    assert keep_golden(todays, kept_files) == []


@pytest.mark.parametrize("name", ADDED_TO)
@pytest.mark.requirement("compat.newer")
async def test_json_with_fields_that_this_tree_does_not_know_is_read(name: str, todays: Path, tmp_path: Path) -> None:
    tree = json.loads((todays / name).read_text("utf-8"))
    (tmp_path / name).write_text(json.dumps({**tree, "ofALaterRelease": {"more": [1]}}), "utf-8")
    about = index(todays)[name]
    assert (await read(tmp_path, {name: about["kind"]}))[name] == about["value"]
