"""How a release goes through its stages."""

from __future__ import annotations

import msgspec
import pytest

from meshgate.a2a.errors import InvalidParams
from meshgate.registry.model import SchemaRef
from meshgate.registry.schemas import Release, Stage, StageRefused, Subject, admit, promote
from tests.registry.schemas.build import image

NARROW = image("message A { int32 a = 1; }")
IMAGES = {NARROW.digest: NARROW}
EMPTY = Subject(agent="archive", skill="summarise")


def release(version: str, stage: Stage = Stage.ACTIVE) -> Release:
    return Release(version=version, input=SchemaRef(type="p.A", hash=NARROW.digest), stage=stage)


ALL = list(Stage)
ALLOWED = {
    (Stage.PROPOSED, Stage.ACTIVE),
    (Stage.PROPOSED, Stage.RETIRED),
    (Stage.ACTIVE, Stage.DEPRECATED),
    (Stage.DEPRECATED, Stage.RETIRED),
    (Stage.DEPRECATED, Stage.ACTIVE),
}


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("after", ALL)
@pytest.mark.parametrize("before", ALL)
@pytest.mark.requirement("schema.stages")
def test_a_release_goes_from_stage_to_stage(before: Stage, after: Stage, force: bool) -> None:
    subject = Subject(agent="a", skill="s", releases=(release("1.0.0", stage=before), release("1.1.0")))
    forced = force and (before, after) == (Stage.RETIRED, Stage.DEPRECATED)

    if before is after:
        assert promote(subject, "1.0.0", after, now=1.0, force=force) is subject
    elif (before, after) in ALLOWED or forced:
        changed = promote(subject, "1.0.0", after, now=1.0, force=force)
        assert [one.stage for one in changed.releases] == [after, Stage.ACTIVE]
    else:
        with pytest.raises(StageRefused):
            promote(subject, "1.0.0", after, now=1.0, force=force)


@pytest.mark.requirement("schema.stages")
def test_a_deprecation_has_its_date_and_its_notice_until_it_is_taken_back() -> None:
    subject = admit(EMPTY, release("1.0.0"), IMAGES)
    told = promote(subject, "1.0.0", Stage.DEPRECATED, now=7.0, notice="use 2.0.0", sunset="2027-01-31").releases[0]

    assert (told.deprecated, told.notice, told.sunset) == (7.0, "use 2.0.0", "2027-01-31")
    again = msgspec.structs.replace(subject, releases=(told,))
    assert promote(again, "1.0.0", Stage.RETIRED, now=9.0).releases[0].notice == "use 2.0.0"
    assert promote(again, "1.0.0", Stage.ACTIVE, now=9.0) == subject


@pytest.mark.parametrize(("version", "sunset"), [("3.0.0", ""), ("1.0.0", "soon")], ids=["version", "date"])
def test_a_stage_is_changed_of_a_release_that_exists_on_a_day_that_exists(version: str, sunset: str) -> None:
    subject = admit(EMPTY, release("1.0.0"), IMAGES)

    with pytest.raises(InvalidParams):
        promote(subject, version, Stage.DEPRECATED, now=1.0, sunset=sunset)
