"""The home of a mesh: its file is found by its owner, and by nobody else."""

import errno
import os
import stat
from pathlib import Path

import pytest

from meshgate.registry.home import Home, HomeError, Run, disk_fault

RUN = Run(
    42, "http://127.0.0.1:8080", "http://127.0.0.1:8082", "http://127.0.0.1:8090", "127.0.0.1:8081", "c", "j", "a"
)


def test_a_run_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.write(RUN)
    assert home.read() == RUN


@pytest.mark.requirement("registry.home")
def test_folder_and_file_are_for_their_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.write(RUN)
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.run_file.stat().st_mode) == 0o600
    assert [path.name for path in home.path.iterdir()] == ["run.json"]


def test_no_file_means_no_mesh(tmp_path: Path) -> None:
    assert Home(tmp_path / "none").read() is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
@pytest.mark.requirement("registry.home")
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    home = Home(tmp_path / "home")
    home.write(RUN)
    home.run_file.chmod(mode)
    with pytest.raises(HomeError, match="chmod 600"):
        home.read()


def test_a_folder_that_others_may_enter_is_not_written_to(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir(mode=0o755)
    home.path.chmod(0o755)
    with pytest.raises(HomeError, match="chmod 700"):
        home.write(RUN)


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.write(RUN)
    home.run_file.rename(tmp_path / "elsewhere")
    home.run_file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HomeError):
        home.read()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x"}'])
def test_a_damaged_file_is_said_to_be(tmp_path: Path, text: str) -> None:
    home = Home(tmp_path / "home")
    home.write(RUN)
    home.run_file.write_text(text)
    with pytest.raises(HomeError, match="meshgate up"):
        home.read()


def test_a_mesh_removes_its_own_file_and_no_later_one(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.remove(42)
    home.write(RUN)
    home.remove(41)
    assert home.read() == RUN
    home.remove(42)
    assert home.read() is None


def test_the_environment_names_the_home() -> None:
    assert Home.find({"MESHGATE_HOME": "/some/where"}).path == Path("/some/where")
    assert Home.find({}).path == Path(os.path.expanduser("~")) / ".meshgate"  # noqa: PTH111 - an independent spelling


@pytest.mark.requirement("cli.disk")
@pytest.mark.parametrize(
    ("number", "wrong"),
    [
        (errno.ENOTDIR, "a file stands where a folder is needed"),
        (errno.EISDIR, "a folder stands where a file is needed"),
        (errno.EACCES, "you may not write there"),
        (errno.EROFS, "its disk is read-only"),
        (errno.ENOSPC, "its disk is full"),
        (errno.ENOENT, "no folder can be made there"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_what_the_system_says_of_a_home_is_a_sentence_with_its_remedy(number: int, wrong: str) -> None:
    told = str(disk_fault(OSError(number, os.strerror(number)), "/a/home", "the home"))
    assert told.startswith(f"the home /a/home cannot be used: {wrong}: ")
    assert number == errno.EIO or "MESHGATE_HOME" in told


@pytest.mark.requirement("cli.disk")
def test_a_file_in_the_place_of_a_home_is_named_by_who_makes_reads_and_writes_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        home = Home(path)
        for use in (home.ensure, home.read, lambda home=home: home.write(RUN)):
            with pytest.raises(HomeError, match="a file stands where a folder is needed: move it away"):
                use()


@pytest.mark.requirement("cli.disk")
def test_a_full_disk_is_named_by_who_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("meshgate.registry.home.write_private", full)
    with pytest.raises(HomeError, match="its disk is full: free some space"):
        Home(tmp_path / "home").write(RUN)
