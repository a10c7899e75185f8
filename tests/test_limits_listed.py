"""A number that bounds something is a field of ``Limits``, or stands in a table of docs/limits.md with its reason."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from meshgate.a2a.limits import Limits
from tests.support.patience import patience

ROOT = Path(__file__).parents[1]
NEITHER = "tools/constants.py: these numbers are neither a field of Limits nor listed: "
GONE = "tools/constants.py: these numbers are listed and not there: "
TWICE = "tools/constants.py: these numbers are listed twice: "


def check(root: Path) -> tuple[int, str]:
    """The exit code of ``tools/limits.py --check`` and what it told."""
    command = [sys.executable, "tools/limits.py", "--check"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=patience(60.0), check=False)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the page of limits is made from; it is current."""
    root = tmp_path_factory.mktemp("tree")
    for one in ("docs", "tools", "registry", "sdk", "gateway"):
        shutil.copytree(ROOT / one, root / one, ignore=shutil.ignore_patterns("__pycache__"))
    assert check(root) == (0, "")
    return root


def replaced(root: Path, file: str, old: str, new: str) -> tuple[int, str]:
    """What the check tells when a text of a file is another one."""
    text = (root / file).read_text("utf-8")
    assert text.count(old) == 1
    (root / file).write_text(text.replace(old, new), "utf-8")
    try:
        return check(root)
    finally:
        (root / file).write_text(text, "utf-8")


RATES = "gateway/meshgate/gateway/jobs/rates.py"
ROUNDING = "_ROUNDING = 1e-6\n"
TAKE = "        now, gateways = self._clock(), self._live()\n"


@pytest.mark.requirement("docs.constants")
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (ROUNDING, ROUNDING + "_MOST = 5 * 1024\n", "_MOST"),
        (ROUNDING, ROUNDING + "_FIRST, _LAST = 0.5, 8\n", "_FIRST, _LAST"),
        (ROUNDING, ROUNDING + "SECONDS: float = -7\n", "SECONDS"),
        ("keys: int = DEFAULTS.rate_keys,", "keys: int = 100_000,", "Rates.__init__(keys)"),
        (TAKE, TAKE + "        assert len(agent) < 300\n", "Rates.take: 300"),
        (TAKE, TAKE + "        assert 0 <= now < 1e9\n", "Rates.take: 1000000000"),
        (TAKE, TAKE + "        now = min(now, 8.5)\n", "Rates.take: 8.5"),
        (TAKE, TAKE + "        ask(agent, max_length=64)\n", "Rates.take: 64"),
        (TAKE, TAKE + "        time.sleep(1)\n", "Rates.take: 1"),
        ("    def take(", "    @lru_cache(maxsize=99)\n    def take(", "Rates.take: 99"),
        ("    def take(", "    most: int = 12\n\n    def take(", "Rates.most"),
    ],
    ids=lambda one: one.strip().splitlines()[-1].strip(),
)
def test_a_number_that_is_neither_a_limit_nor_listed_is_told(copied: Path, old: str, new: str, told: str) -> None:
    assert replaced(copied, RATES, old, new) == (1, f"{NEITHER}gateway/jobs/rates.py: {told}\n")


@pytest.mark.requirement("docs.constants")
@pytest.mark.parametrize(
    "harmless",
    [
        "        agent = agent[:64]\n",
        "        assert now != 404\n",
        "        wait = now * 1000 + 3\n",
        "        agent = max(agent, 0, 1, 2)\n",
        "        ask(limit=self._limits.rate_keys, size=0)\n",
    ],
)
def test_a_number_that_bounds_nothing_needs_no_place(copied: Path, harmless: str) -> None:
    assert replaced(copied, RATES, TAKE, TAKE + harmless) == (0, "")


@pytest.mark.requirement("docs.constants")
@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (RATES, ROUNDING, "_ROUNDING = DEFAULTS.rate\n", f"{GONE}gateway/jobs/rates.py: _ROUNDING\n"),
        (
            "tools/constants.py",
            "gateway/routing/routes.py: _CACHE",
            "gateway/routing/routes.py: _CACHE; _CACHE",
            f"{TWICE}gateway/routing/routes.py: _CACHE\n",
        ),
        (
            "tools/constants.py",
            '("a2a/cards.py: MAX_CARD", "bytes", "Largest agent card that is read."),',
            '("a2a/cards.py: MAX_CARDS", "bytes", "Largest agent card that is read."),',
            f"{GONE}a2a/cards.py: MAX_CARDS\n{NEITHER}a2a/cards.py: MAX_CARD\n",
        ),
    ],
    ids=["derived", "twice", "misspelt"],
)
def test_a_place_without_its_number_and_a_second_place_are_told(
    copied: Path, file: str, old: str, new: str, told: str
) -> None:
    assert replaced(copied, file, old, new) == (1, told)


@pytest.mark.requirement("docs.limits")
def test_every_limit_is_read_somewhere() -> None:
    read: set[str] = set()
    for area in ("registry", "sdk", "gateway"):
        for path in (ROOT / area / "meshgate").rglob("*.py"):
            tree = ast.parse(path.read_text("utf-8"))
            read |= {
                node.attr
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute) and ast.unparse(node.value).lower().endswith(("limits", "defaults"))
            }
    assert set(Limits.__struct_fields__) - read == set()
