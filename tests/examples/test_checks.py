"""The audit's checks, on files that tell the truth, that lie, and that are anything at all."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.audit.checks import NoEnvironment, check_commands, check_startup, find_place, take_inventory, verify
from examples.audit.checks.commands import commands_of
from examples.audit.checks.forms import Finding, Place
from examples.audit.checks.places import checked_folder
from examples.audit.checks.records import is_native, parse_record
from examples.audit.checks.startup import code_lines
from examples.audit.checks.texts import cell, shown
from tests.examples.scratch import hash_of, install, make_env


@pytest.fixture
def site(tmp_path: Path) -> Path:
    found = tmp_path / "env" / "lib" / "python3.11" / "site-packages"
    found.mkdir(parents=True)
    (tmp_path / "env" / "bin").mkdir()
    return found


@pytest.fixture
def place(site: Path) -> Place:
    return find_place(site.parents[2])


def named(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.kind, finding.subject) for finding in findings]


# -- RECORD


def test_a_file_as_it_was_installed_is_verified(site: Path, place: Place) -> None:
    found = verify(install(site, "good"), place)
    assert (found.files, found.verified, found.unhashed, found.findings) == (3, 2, 1, [])


def test_a_changed_file_is_named(site: Path, place: Place) -> None:
    folder = install(site, "good")
    (site / "good/__init__.py").write_bytes(b"NAME = 2\n")
    found = verify(folder, place)
    assert named(found.findings) == [("changed", "good/__init__.py")]
    assert (found.changed, found.verified) == (1, 1)


def test_a_missing_file_is_named_unless_it_is_bytecode_without_a_hash(site: Path, place: Place) -> None:
    folder = install(site, "good", extra=["good/__pycache__/x.cpython-311.pyc,,"])
    (site / "good/__init__.py").unlink()
    found = verify(folder, place)
    assert named(found.findings) == [("missing", "good/__init__.py")]
    assert found.unhashed == 2


@pytest.mark.parametrize("path", ["../../../../outside.txt", "/etc/hostname", "good/../../../../../outside.txt"])
def test_a_file_outside_the_environment_is_named_and_not_read(site: Path, place: Place, path: str) -> None:
    (site.parents[3] / "outside.txt").write_bytes(b"secret")
    found = verify(install(site, "good", extra=[f"{path},{hash_of(b'secret')},6"]), place)
    assert named(found.findings) == [("outside", path)]


def test_a_script_beside_site_packages_belongs_to_the_environment(site: Path, place: Place) -> None:
    (site.parents[2] / "bin/run").write_bytes(b"#!/bin/sh\n")
    line = f"../../../bin/run,{hash_of(b'#!/bin/sh' + bytes([10]))},10"
    assert verify(install(site, "good", extra=[line]), place).findings == []


def test_what_is_no_regular_file_is_not_waited_for(site: Path, place: Place) -> None:
    folder = install(site, "good", extra=[f"good/pipe,{hash_of(b'')},0"])
    os.mkfifo(site / "good/pipe")
    assert named(verify(folder, place).findings) == [("changed", "good/pipe")]


def test_a_distribution_without_record_is_named(site: Path, place: Place) -> None:
    folder = install(site, "good")
    (folder / "RECORD").unlink()
    assert named(verify(folder, place).findings) == [("no_record", "good")]


def test_many_findings_are_counted_in_full_and_listed_in_part(site: Path, place: Place) -> None:
    lines = [f"good/{number}.py,{hash_of(b'x')},1" for number in range(200)]
    found = verify(install(site, "good", extra=lines), place)
    assert (found.missing, len(found.findings)) == (200, 50)


def test_native_libraries_are_told_by_their_names() -> None:
    names = [
        "a.so",
        "a.so.1.2",
        "a.cpython-311-x86_64-linux-gnu.so",
        "b.PYD",
        "c.dylib",
        "d.dll",
        "e.py",
        "so",
        "x.so.py",
    ]
    assert [name for name in names if is_native(name)] == names[:6]


@pytest.mark.parametrize(
    ("line", "good"),
    [
        ("a.py,,", True),
        ("a.py", True),
        (f"a.py,{hash_of(b'')},0", True),
        (f"a.py,{hash_of(b'')}=,0", True),  # padded, as some tools write it
        (f'"a,b.py",{hash_of(b"")},0', True),
        ("a.py,md5=1B2M2Y8AsgTpgAmY7PhCfg,0", False),
        ("a.py,sha256=short,0", False),
        ("a.py,sha256=é,0", False),
        (f"a.py,{hash_of(b'')},0,more", False),
        (",,", False),
        ("a\0.py,,", False),
    ],
)
def test_a_line_of_a_record_is_read_or_reported(line: str, good: bool) -> None:
    entries, problems = parse_record(line.encode())
    assert (len(entries), len(problems)) == ((1, 0) if good else (0, 1))


def test_a_record_that_is_not_utf8_is_one_problem() -> None:
    assert len(parse_record(b"a.py,,\n\xff,,\n")[1]) == 1


@given(st.binary(max_size=300))
def test_any_bytes_are_entries_or_problems(content: bytes) -> None:
    entries, problems = parse_record(content)
    assert all(entry.path and "\0" not in entry.path for entry in entries)
    assert all(len(entry.digest) in ((32, 48, 64) if entry.algorithm else (0,)) for entry in entries)
    assert entries or problems or not content.strip(b"\r\n")


PATHS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(PATHS, st.binary(max_size=40)), max_size=8))
def test_what_an_installer_writes_is_read_back(files: list[tuple[str, bytes]]) -> None:
    import csv

    out = io.StringIO(newline="")
    csv.writer(out).writerows((path, hash_of(content), len(content)) for path, content in files)
    entries, problems = parse_record(out.getvalue().encode())
    assert not problems
    assert [(entry.path, entry.algorithm) for entry in entries] == [(path, "sha256") for path, _ in files]


# -- .pth


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"import os\n", [1]),
        (b"import\tos", [1]),
        (b"# import os\n\n/some/path\nimport os; os.abort()\n", [4]),
        (b"\xef\xbb\xbfimport os\n", [1]),  # runs from 3.13 on
        (b"path\rimport os\n", [2]),
        (b"path\x0cimport os\n", [2]),  # runs from 3.13 on
        (b"\xff\nimport os\n", [2]),  # not UTF-8
        (b" import os\nimportlib\nimport\nfrom os import path\n", []),
        (b"", []),
    ],
)
def test_the_lines_that_python_runs_are_found(content: bytes, lines: list[int]) -> None:
    assert [number for number, _ in code_lines(content)] == lines


@given(st.lists(st.sampled_from([b"import os", b"import\tos", b"x", b"#", b"", b" ", b"\r", b"\n", b"\xff", b"\x0b"])))
def test_nothing_that_a_line_by_line_reading_runs_is_overlooked(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    older = io.TextIOWrapper(io.BytesIO(content), encoding="latin-1")  # how Python up to 3.12 divides lines
    runs = [line.strip() for line in older if line.startswith(("import ", "import\t"))]
    found = [line.strip() for _, line in code_lines(content)]
    assert all(any(one.startswith(line.split("\x0b")[0].split("\x85")[0].strip()) for one in found) for line in runs)


def test_a_pth_file_with_code_is_named_with_its_owner(site: Path, place: Place) -> None:
    (site / "paths.pth").write_text("/some/where\n")
    (site / "loose.pth").write_text("import this\n")
    install(site, "owner", files={"owned.pth": b"import that\n"})
    found = check_startup(place)
    assert found.count == 3
    assert named(found.findings) == [("startup_code", "loose.pth"), ("startup_code", "owned.pth")]
    assert [finding.detail.partition(";")[0] for finding in found.findings] == ["of no distribution", "of owner"]


# -- commands


def test_a_command_that_hides_one_of_the_system_is_named(tmp_path: Path, site: Path, place: Place) -> None:
    for folder, mode in ((tmp_path / "system", 0o755), (site.parents[2] / "bin", 0o755)):
        folder.mkdir(exist_ok=True)
        (folder / "tool").write_text("")
        (folder / "tool").chmod(mode)
    install(site, "good", commands=["tool", "other"])
    search = os.pathsep.join([place.scripts, "", "relative", str(tmp_path / "system")])
    found = check_commands(place, search)
    assert (found.count, named(found.findings)) == (2, [("shadow", "tool")])
    assert check_commands(place, place.scripts).findings == []


def test_a_command_of_two_distributions_is_named(site: Path, place: Place) -> None:
    install(site, "one", commands=["tool"])
    install(site, "two", commands=["tool"])
    assert named(check_commands(place, "").findings) == [("clash", "tool")]


def test_a_command_named_like_a_path_is_left_alone(site: Path, place: Place) -> None:
    install(site, "odd", commands=["../../bin/sh"])
    assert check_commands(place, "/usr/bin").count == 0


def test_entry_points_that_cannot_be_read_are_a_finding(site: Path, place: Place) -> None:
    folder = install(site, "odd", commands=["tool"])
    (folder / "entry_points.txt").write_bytes(b"[console_scripts]\n\xff = x\n")
    with pytest.raises(ValueError, match=r"entry_points\.txt"):
        commands_of(folder)
    assert named(check_commands(place, "").findings) == [("bad_metadata", "odd")]


# -- environments


def test_an_environment_is_found_by_its_folder_and_by_its_site_packages(tmp_path: Path) -> None:
    site = make_env(tmp_path / "env")
    by_folder, by_site = find_place(tmp_path / "env"), find_place(site)
    assert by_folder == by_site
    assert by_folder.sites == [str(site.resolve())]


@pytest.mark.parametrize("given", ["nowhere", "file", "empty"])
def test_what_is_no_environment_is_refused(tmp_path: Path, given: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoEnvironment):
        find_place(tmp_path / given)


def test_a_folder_of_distributions_is_an_environment_of_its_own(tmp_path: Path) -> None:
    install(tmp_path, "vendored")
    assert find_place(tmp_path).prefix == str(tmp_path.resolve())


def test_a_distribution_installed_twice_is_named(site: Path, place: Place) -> None:
    install(site, "Some_Thing")
    install(site, "some.thing")
    found = take_inventory(place)
    assert len(found.distributions) == 2
    assert named(found.findings) == [("duplicate", "some-thing")]


@pytest.mark.parametrize("content", [b"", b"\xff", b"Name: only\n"])
def test_metadata_that_cannot_be_used_is_a_finding(site: Path, place: Place, content: bytes) -> None:
    (install(site, "odd") / "METADATA").write_bytes(content)
    found = take_inventory(place)
    assert [finding.kind for finding in found.findings] == ["bad_metadata"]
    assert len(found.distributions) == 1


def test_a_folder_that_is_none_of_the_environment_is_refused(tmp_path: Path, site: Path, place: Place) -> None:
    inside, outside = install(site, "good"), install(tmp_path, "elsewhere")
    assert checked_folder(str(inside), place) == inside
    for folder in (outside, site, site / "absent.dist-info", site / ".." / "site-packages" / inside.name):
        with pytest.raises(ValueError, match="no distribution"):
            checked_folder(str(folder), place)


# -- text


@given(st.text())
def test_what_is_shown_is_one_printable_line(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 160


@given(st.text())
def test_nothing_in_a_cell_is_markup(text: str) -> None:
    bare = cell(text)
    for letter in "`|<[*_":
        assert all(bare[at - 1] == "\\" for at, found in enumerate(bare) if found == letter)
