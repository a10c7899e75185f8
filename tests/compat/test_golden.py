"""What earlier releases wrote is read as they meant it, and they read what this tree writes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from tests.compat.reading import KINDS, read
from tests.compat.releases import GOLDEN, Release, kept
from tests.support.gateway import ROOT, environment

FOLDERS = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir())
GOING_BACK = {"snapshot", "keys", "mesh_key", "tasks", "config"}
"""Kinds that only the release itself and later ones read: what one process keeps for its own next start."""
NOT_TO_THE_BYTE = {"registry.sqlite", "tasks.sqlite"}
"""Their bytes depend on SQLite's version too."""


def index(folder: Path) -> dict[str, dict[str, Any]]:
    """What the files of a folder are, and what they say."""
    found: dict[str, dict[str, Any]] = json.loads((folder / "index.json").read_text("utf-8"))
    return found


def kinds(folder: Path) -> dict[str, str]:
    """The kinds of a folder's files, by name."""
    return {name: about["kind"] for name, about in index(folder).items()}


def lost(stated: Any, found: Any, path: str = "") -> list[str]:
    """Where ``found`` says something else than stated. It may say more of an object: a release adds fields."""
    inner: list[tuple[str, Any, Any]] | None = None
    if isinstance(stated, dict) and isinstance(found, dict):
        values, given = cast("dict[str, Any]", stated), cast("dict[str, Any]", found)
        inner = [(f"{path}.{key}", value, given.get(key, "nothing")) for key, value in values.items()]
    elif isinstance(stated, list) and isinstance(found, list):
        items, others = cast("Sequence[Any]", stated), cast("Sequence[Any]", found)
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
    assert [each for name in stated for each in lost(stated[name], found[name], name)] == []


@pytest.mark.e2e
@pytest.mark.parametrize("version", FOLDERS)
@pytest.mark.requirement("compat.golden")
def test_golden_files_are_what_the_release_writes(
    released: Callable[[str], Release], version: str, tmp_path: Path
) -> None:
    folder = GOLDEN / version
    released(version).program("tools.golden", tmp_path / "again")
    for name in index(folder).keys() - NOT_TO_THE_BYTE | {"index.json"}:
        assert (name, (tmp_path / "again" / name).read_bytes()) == (name, (folder / name).read_bytes())


@pytest.fixture(scope="session")
def todays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this tree writes."""
    folder = tmp_path_factory.mktemp("today") / "golden"
    command = [sys.executable, "-m", "tools.golden", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.e2e
@pytest.mark.parametrize("version", FOLDERS)
@pytest.mark.requirement("compat.newer")
def test_a_release_reads_what_this_tree_writes(released: Callable[[str], Release], todays: Path, version: str) -> None:
    found = json.loads(released(version).program("tests.compat.reading", todays))
    stated = {name: about for name, about in index(GOLDEN / version).items() if about["kind"] not in GOING_BACK}
    written = {name: found[name] for name in stated}
    written["status.json"]["version"] = version
    assert [each for name in stated for each in lost(stated[name]["value"], written[name], name)] == []


OWN_WORDS = re.compile(r"\.(digest|bytes_are_the_same|instance\.manifest|manifest): |^contract\.error\.json\.code: ")
"""What a reader makes of a file: of a manifest without the fields that it does not know the digest is another one, and
an error that it does not know is one of the mesh's own."""
STRICT = {"0.1.0": {"register", "joined"}}
"""Releases that refuse JSON with fields which they do not know, by kind; in binary they pass over them, which is what
SDKs and gateways speak to each other."""


@pytest.mark.e2e
@pytest.mark.parametrize("version", FOLDERS)
@pytest.mark.requirement("compat.newer")
def test_a_release_reads_what_it_knows_of_files_that_hold_more(
    released: Callable[[str], Release], todays: Path, version: str
) -> None:
    found = json.loads(released(version).program("tests.compat.reading", todays))
    added = {name: about for name, about in index(todays).items() if name in found.keys() - index(GOLDEN / version)}
    more = [
        each
        for name, about in added.items()
        if about["kind"] not in GOING_BACK - {"snapshot"}
        and not (name.endswith(".json") and about["kind"] in STRICT.get(version, ()))
        for each in lost(found[name], about["value"], name)
        if not OWN_WORDS.search(each)
    ]
    assert more == []


@pytest.mark.parametrize("name", ["joined.json", "register.json", "renewed.json"])
@pytest.mark.requirement("compat.newer")
async def test_json_with_fields_that_this_tree_does_not_know_is_read(name: str, tmp_path: Path) -> None:
    folder = GOLDEN / FOLDERS[-1]
    tree = json.loads((folder / name).read_text("utf-8"))
    (tmp_path / name).write_text(json.dumps({**tree, "ofALaterRelease": {"more": [1]}}), "utf-8")
    about = index(folder)[name]
    assert lost(about["value"], (await read(tmp_path, {name: about["kind"]}))[name]) == []


@pytest.mark.requirement("compat.golden")
def test_this_tree_writes_every_kind_that_a_release_wrote(todays: Path) -> None:
    assert set().union(*(kinds(GOLDEN / version) for version in FOLDERS)) <= set(kinds(todays))
