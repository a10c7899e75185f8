"""The documentation says what the code does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import patience

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.requirement("docs.limits")
def test_the_page_of_limits_is_what_the_code_says() -> None:
    command = [sys.executable, "tools/limits.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=patience(), check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.requirement("docs.tables")
def test_tables_and_figures_of_the_pages_are_what_the_code_says() -> None:
    command = [sys.executable, "tools/docs.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=patience(30.0), check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.requirement("docs.tables")
@pytest.mark.parametrize(
    ("page", "old", "new", "told"),
    [
        ("docs/operating.md", "| 8090 |", "| 8091 |", "docs/operating.md has a table that is not what the code says"),
        (
            "docs/sdk.md",
            "`ctx.progress(text, fraction)`",
            "`ctx.progress(text)`",
            "docs/sdk.md has a table that is not",
        ),
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
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=patience(30.0), check=False)
    assert (done.returncode, done.stderr.count(told)) == (1, 1), done.stderr


def check_picture(root: Path) -> tuple[int, str]:
    """The exit code of ``tools/picture.py --check`` and what it told."""
    command = [sys.executable, "tools/picture.py", "--check"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=patience(60.0), check=False)
    return done.returncode, done.stderr


@pytest.mark.requirement("docs.picture")
def test_the_picture_is_what_the_tree_says() -> None:
    assert check_picture(ROOT) == (0, "")


NO_NAMES = (
    "docs/architecture.md does not have the list 'attempt' as it is: "
    "record_attempt, concurrency, breaker, hang_detection\n"
)
IDS = NO_NAMES.replace(", concurrency", ", ids, concurrency")
NOT_THE_CALL_LIST = (
    "docs/architecture.md does not have the list 'call' as it is: "
    "rate_limit, lineage_guard, kill, task_index, push, budget, failover, schema, in_flight, retry\n"
)
DRIFTED = "docs/architecture.svg is not what the tree says: run tools/picture.py\n"


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the picture is drawn from."""
    root = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "pyproject.toml", root)
    for one in ("docs", "tools", "protos", "registry", "sdk", "gateway"):
        shutil.copytree(ROOT / one, root / one, ignore=shutil.ignore_patterns("__pycache__"))
    assert check_picture(root) == (0, "")
    return root


@pytest.mark.requirement("docs.picture")
@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("docs/architecture.svg", ">rate_limit<", ">rate_limits<", DRIFTED),
        ("gateway/meshgate/gateway/app.py", "        Names(),\n", "", NO_NAMES + DRIFTED),
        ("gateway/meshgate/gateway/policies/attempt/names.py", 'name = "names"', 'name = "ids"', IDS + DRIFTED),
        ("docs/architecture.md", "| call | `rate_limit` |", "| call | `budget` |", NOT_THE_CALL_LIST),
        ("gateway/meshgate/gateway/jobs/__init__.py", "Jobs: their accounts", "What a job has spent", DRIFTED),
        (
            "gateway/meshgate/gateway/jobs/rates.py",
            "from meshgate.a2a.call import Principal\n",
            "from meshgate.gateway.process.server import run\n",
            "tools/tree.py: jobs imports process, which is not below it\n",
        ),
        (
            "pyproject.toml",
            '    "meshgate.net | meshgate.telemetry",\n',
            '    "meshgate.net",\n',
            "tools/tree.py: the layers of pyproject.toml lack or invent areas: ['telemetry']\n",
        ),
    ],
    ids=["picture", "list", "name", "table", "docstring", "import", "area"],
)
def test_a_picture_that_drifts_is_told(copied: Path, file: str, old: str, new: str, told: str) -> None:
    text = (copied / file).read_text("utf-8")
    assert text.count(old) == 1
    (copied / file).write_text(text.replace(old, new), "utf-8")
    try:
        assert check_picture(copied) == (1, told)
    finally:
        (copied / file).write_text(text, "utf-8")


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

    from meshgate.cli.app import make_app

    def names(of: Typer) -> set[str]:
        return {one.name or (one.callback.__name__ if one.callback else "") for one in of.registered_commands}

    app = make_app()
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


TROUBLE = ROOT / "docs" / "troubleshooting.md"


@pytest.mark.requirement("docs.errors")
def test_every_code_of_the_mesh_has_a_paragraph_that_its_row_leads_to() -> None:
    text = TROUBLE.read_text("utf-8")
    rows = re.findall(r"(?m)^\| \[`([A-Z_]+)`\]\(#([a-z_]+)\)", text)
    headings = re.findall(r"(?m)^### ([A-Z_]+)\n(?!\n|#)", text)
    assert [anchor for code, anchor in rows if anchor != code.lower()] == []
    assert sorted(headings) == sorted(code for code, _ in rows)


@pytest.mark.requirement("docs.errors")
@pytest.mark.parametrize(
    "code",
    [
        *("NO_ROUTE", "RATE_LIMITED", "BUDGET_EXHAUSTED", "LOOP", "KILLED", "UNAUTHENTICATED", "SCHEMA_VIOLATION"),
        *("UPSTREAM_UNAVAILABLE", "UPSTREAM_DEADLINE", "TASK_NOT_FOUND", "WEAK_SECRET"),
    ],
)
def test_an_error_is_shown_as_a_run_prints_it(code: str) -> None:
    printed = re.findall(r"<!-- run: \S+ output -->\n```text\n(.*?)```", TROUBLE.read_text("utf-8"), re.DOTALL)
    assert any(code in block for block in printed)
