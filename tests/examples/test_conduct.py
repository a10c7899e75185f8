"""How an audit goes when agents answer, do not answer, forget something or lie; without a mesh."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from examples.audit.checks import (
    Batch,
    Place,
    Report,
    check_commands,
    check_startup,
    find_place,
    licence_of,
    recount,
    take_inventory,
    verify,
)
from examples.audit.checks.forms import Installed, Wanted
from examples.audit.conduct import Again, Conductor, Rejected, batches
from tests.examples.scratch import install

Answer = Callable[[Any], Any]


def inventory(wanted: Any) -> Any:
    assert isinstance(wanted, Wanted)
    return take_inventory(find_place(wanted.env))


def licence(batch: Any) -> Any:
    assert isinstance(batch, Batch)
    return {folder: licence_of(Path(folder)) for folder in batch.folders}


def integrity(batch: Any) -> Any:
    assert isinstance(batch, Batch)
    return {folder: verify(Path(folder), batch.place) for folder in batch.folders}


def startup(place: Any) -> Any:
    assert isinstance(place, Place)
    return check_startup(place)


def commands(place: Any) -> Any:
    assert isinstance(place, Place)
    return check_commands(place, "")


def critic(report: Any) -> Any:
    assert isinstance(report, Report)
    return recount(report)


HONEST: dict[str, Answer] = {
    "inventory@1": inventory,
    "licence@1": licence,
    "integrity@1": integrity,
    "startup@1": startup,
    "commands@1": commands,
    "critic@1": critic,
}


class Troupe:
    """Agents that are functions, a count of what they were asked, and what was told."""

    def __init__(self, **instead: Answer) -> None:
        self.answers = HONEST | {f"{name}@1": answer for name, answer in instead.items()}
        self.asked: Counter[str] = Counter()
        self.told: list[tuple[str, str, float]] = []
        self.pauses: list[float] = []
        self.conductor = Conductor(self.ask, self.tell, self.pause)

    async def ask(self, selector: str, said: BaseModel) -> Any:
        self.asked[selector] += 1
        return TypeAdapter(Any).dump_python(self.answers[selector](said), mode="json")

    async def tell(self, step: str, how: str, fraction: float) -> None:
        self.told.append((step, how, fraction))

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
def env(tmp_path: Path) -> Path:
    for name in ("alpha", "beta", "gamma", "delta"):
        install(tmp_path, name)
    return tmp_path


def first(times: int, failing: Answer, then: Answer) -> Answer:
    """An agent that fails so many times and is well afterwards."""
    left = [times]

    def answer(said: Any) -> Any:
        left[0] -= 1
        return failing(said) if left[0] >= 0 else then(said)

    return answer


def silent(_: Any) -> Any:
    raise Again("OUTCOME_UNKNOWN")


async def test_an_audit_asks_each_capability_and_tells_how_it_goes(env: Path) -> None:
    troupe = Troupe()
    report = await troupe.conductor.audit(str(env))
    assert report.totals.distributions == 4
    assert set(troupe.asked) == set(HONEST)
    assert troupe.conductor.asked == troupe.asked.total()
    fractions = [fraction for _, _, fraction in troupe.told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


async def test_a_question_whose_outcome_is_not_known_is_asked_again(env: Path) -> None:
    troupe = Troupe(integrity=first(2, silent, integrity))
    report = await troupe.conductor.audit(str(env))
    assert report.totals.distributions == 4
    assert troupe.conductor.repeated == 2
    assert len(troupe.pauses) == 2


async def test_an_agent_that_never_answers_ends_the_audit(env: Path) -> None:
    troupe = Troupe(integrity=silent)
    with pytest.raises(Again):
        await troupe.conductor.audit(str(env))
    assert troupe.asked["integrity@1"] <= 5 * 4


async def test_another_error_of_an_agent_is_raised_as_it_is(env: Path) -> None:
    def broken(_: Any) -> Any:
        raise LookupError("of its own")

    with pytest.raises(LookupError, match="of its own"):
        await Troupe(licence=broken).conductor.audit(str(env))


async def test_what_an_agent_forgot_is_asked_for_once_more(env: Path) -> None:
    def forgetful(batch: Any) -> Any:
        return {folder: row for folder, row in licence(batch).items() if "beta" not in folder}

    troupe = Troupe(licence=first(3, forgetful, licence))
    report = await troupe.conductor.audit(str(env))
    assert report.totals.distributions == 4
    assert troupe.asked["critic@1"] == 2
    assert any(step == "critic" and how.startswith("rejected") for step, how, _ in troupe.told)


def liar(batch: Any) -> Any:
    return {folder: row.model_copy(update={"verified": 99}) for folder, row in integrity(batch).items()}


async def test_what_the_critic_doubts_is_looked_at_again(env: Path) -> None:
    troupe = Troupe(integrity=first(1, liar, integrity))
    report = await troupe.conductor.audit(str(env))
    assert report.totals.verified == 8
    assert troupe.asked["integrity@1"] == 4 + 1


async def test_a_distribution_that_comes_meanwhile_is_in_the_report(env: Path) -> None:
    def late(place: Any) -> Any:
        install(env, "late")
        return startup(place)

    report = await Troupe(startup=first(1, late, startup)).conductor.audit(str(env))
    assert "late" in [row.name for row in report.distributions]


async def test_a_report_that_is_rejected_twice_ends_the_audit(env: Path) -> None:
    troupe = Troupe(integrity=liar)
    with pytest.raises(Rejected, match="sum of their kinds"):
        await troupe.conductor.audit(str(env))
    assert troupe.asked["critic@1"] == 2


@given(st.lists(st.integers(0, 10_000), max_size=60), st.integers(1, 12))
def test_batches_hold_everything_once_and_weigh_about_the_same(weights: list[int], most: int) -> None:
    installed = [Installed(name="n", version="1", folder=f"/{n}", weight=each) for n, each in enumerate(weights)]
    groups = batches(installed, most)
    assert sorted(one.folder for group in groups for one in group) == sorted(one.folder for one in installed)
    assert len(groups) == min(most, len(installed))
    assert all(groups)
    sums = [sum(one.weight + 1 for one in group) for group in groups]
    assert not sums or max(sums) - min(sums) <= max(weights) + 1
