"""The resolver says of frameworks beside Meshgate, and of two in one environment, what the page says."""

import re
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.e2e.environments import ROOT, uv
from tests.interop.clashes import BESIDE, TOGETHER, Beside, Together

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]  # with a cold cache the packages' metadata are fetched

PINNED = {one.package: one.pinned for one in BESIDE}


def resolved(folder: Path, *requirements: str, extra: str | None = "") -> str | None:
    """What a resolver picks for these requirements, beside Meshgate unless ``extra`` is None; None if nothing fits."""
    asked = folder / "asked.in"
    asked.write_text("\n".join(requirements))
    own = [] if extra is None else [ROOT / "pyproject.toml", *(("--extra", extra) if extra else ())]
    done = uv("pip", "compile", "--quiet", "--no-annotate", "--python-version", "3.11", *own, asked)
    if re.search("error sending request|dns error", done.stderr):
        unavailable("the package index can't be reached: run this with a network")
    if "No solution found" in done.stderr:
        return None
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.requirement("docs.clashes")
@pytest.mark.parametrize("one", [pytest.param(one, id=one.package) for one in BESIDE])
def test_a_framework_beside_meshgate(one: Beside, tmp_path: Path) -> None:
    assert resolved(tmp_path, one.pinned) is not None
    for extra in ("grpc", "gateway"):
        assert (resolved(tmp_path, one.pinned, extra=extra) is None) == bool(one.picked)


@pytest.mark.requirement("docs.clashes")
@pytest.mark.parametrize("one", [pytest.param(one, id=one.package) for one in BESIDE if one.picked])
def test_what_is_picked_in_silence(one: Beside, tmp_path: Path) -> None:
    """No version is asked for; newer ones than the page knows are left out, so that it stays what it says."""
    picked = resolved(tmp_path, f"{one.package}<={one.version}", extra="grpc")
    assert picked is not None
    assert re.findall(rf"(?m)^{one.name}(?:\[[^\]]*\])?==(\S+)", picked) == [one.picked]


@pytest.mark.requirement("docs.clashes")
@pytest.mark.parametrize("pair", [pytest.param(pair, id=f"{pair.one}-{pair.other}") for pair in TOGETHER])
def test_two_frameworks_that_clash(pair: Together, tmp_path: Path) -> None:
    one, other = (PINNED[package] for package in (pair.one, pair.other))
    assert resolved(tmp_path, one, other, extra=None) is None


@pytest.mark.requirement("docs.clashes")
@pytest.mark.parametrize("first", [pytest.param(one, id=one.package) for one in BESIDE])
def test_the_frameworks_that_do_not_clash_fit_together(first: Beside, tmp_path: Path) -> None:
    """With each of them in turn: as many of the others as clash with none of those before."""
    kept = [first]
    for one in BESIDE:
        if one.name not in {other.name for other in kept} and not any(clash(one, other) for other in kept):
            kept.append(one)
    assert resolved(tmp_path, *(one.pinned for one in kept), extra=None) is not None


def clash(one: Beside, other: Beside) -> bool:
    """Whether the page says that these two clash; one with an extra wants what it wants without, and more."""
    wants = [{one.package, one.name}, {other.package, other.name}]
    return any(
        (pair.one in first and pair.other in second) for pair in TOGETHER for first, second in (wants, wants[::-1])
    )
