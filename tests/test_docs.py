"""The documentation says what the code does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.requirement("docs.limits")
def test_the_page_of_limits_is_what_the_code_says() -> None:
    command = [sys.executable, "tools/limits.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.requirement("docs.tables")
def test_tables_and_figures_of_the_pages_are_what_the_code_says() -> None:
    command = [sys.executable, "tools/docs.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.requirement("docs.tables")
@pytest.mark.parametrize(
    ("page", "old", "new", "told"),
    [
        ("docs/operating.md", "| 8090 |", "| 8091 |", "docs/operating.md has a table that is not what the code says"),
        ("README.md", "depth of the path, 8", "depth of the path, 9", "README.md does not say 'depth of the path, 8'"),
    ],
)
def test_a_table_or_a_figure_that_drifts_is_told(tmp_path: Path, page: str, old: str, new: str, told: str) -> None:
    for one in ("README.md", "Makefile", "docs", "tools"):
        copy = shutil.copytree if (ROOT / one).is_dir() else shutil.copy
        copy(ROOT / one, tmp_path / one)
    text = (tmp_path / page).read_text("utf-8")
    assert text.count(old) == 1
    (tmp_path / page).write_text(text.replace(old, new), "utf-8")
    command = [sys.executable, "tools/docs.py", "--check"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr.count(told)) == (1, 1), done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.requirement("docs.links")
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not missing


def files_named(page: Path) -> list[str]:
    """What stands in backquotes and reads like a file of this repository."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    roots = "protos|registry|sdk|gateway|examples|tests|tools|bench|docs|requirements"
    return re.findall(rf"`((?:{roots})/[A-Za-z0-9_./-]+)`", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.requirement("docs.links")
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    assert not [name for name in files_named(page) if not (ROOT / name).exists()]


@pytest.mark.requirement("docs.commands")
def test_every_word_of_make_that_a_page_names_is_there() -> None:
    words = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {word for page in PAGES for word in re.findall(r"`make ([a-z-]+)", page.read_text("utf-8"))}
    assert named
    assert not named - words


@pytest.mark.requirement("docs.commands")
def test_every_command_that_a_page_names_is_there() -> None:
    from typer import Typer

    from meshgate.cli.app import app

    def names(of: Typer) -> set[str]:
        return {one.name or (one.callback.__name__ if one.callback else "") for one in of.registered_commands}

    groups = {str(one.name): one.typer_instance for one in app.registered_groups}
    known = {(name, "") for name in names(app)}
    known |= {(group, name) for group, inner in groups.items() if inner is not None for name in {"", *names(inner)}}
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    named = {
        (word, inner if word in groups else "")
        for word, inner in re.findall(r"(?m)(?:^|`|run: )meshgate ([a-z]+)(?: ([a-z]+)\b)?", text)
    }
    assert {word for word, _ in named} > {"up", "call", "schema"}
    assert not named - known
