"""How a release goes through its stages."""

from __future__ import annotations

import msgspec
import pytest

from meshgate.a2a.errors import InvalidParams
from meshgate.registry.model import SchemaRef
from meshgate.registry.schemas import Release, Stage, StageRefused, Subject, admit, promote, set_default
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


# -- the default major


def subject_of(*releases: tuple[str, Stage], default: int | None = None) -> Subject:
    listed = tuple(Release(version, stage=stage) for version, stage in releases)
    return Subject("a", "s", listed, default_major=default)


ONE, TWO, THREE = ("1.4.0", Stage.ACTIVE), ("2.0.0", Stage.ACTIVE), ("3.1.0", Stage.DEPRECATED)


@pytest.mark.requirement("schema.default")
@pytest.mark.parametrize(
    ("subject", "major", "spoken"),
    [
        (subject_of(), None, None),
        (subject_of(("1.0.0", Stage.PROPOSED)), None, None),
        (subject_of(ONE, default=1), 1, "1.4.0"),
        (subject_of(ONE, TWO, default=1), 1, "1.4.0"),
        (subject_of(ONE, TWO), 2, "2.0.0"),
        (subject_of(("1.0.0", Stage.RETIRED), TWO, THREE, default=1), 2, "2.0.0"),
        (subject_of(ONE, ("2.0.0", Stage.RETIRED), default=2), 1, "1.4.0"),
        (subject_of(("1.5.0", Stage.DEPRECATED), ONE, default=1), 1, "1.4.0"),
        (subject_of(("1.0.0", Stage.RETIRED), default=1), 1, None),
        (subject_of(("0.9.0", Stage.ACTIVE), ONE, default=0), 0, "0.9.0"),
    ],
)
def test_the_default_major_is_one_that_is_served(subject: Subject, major: int | None, spoken: str | None) -> None:
    assert subject.with_default().default_major == major
    found = subject.spoken
    assert (found.version if found is not None else None) == spoken


@pytest.mark.requirement("schema.default")
def test_the_first_active_release_sets_it_a_later_major_does_not_and_only_a_served_one_is_taken() -> None:
    subject = promote(subject_of(("1.0.0", Stage.PROPOSED)), "1.0.0", Stage.ACTIVE, now=1.0)
    assert subject.default_major == 1
    both = msgspec.structs.replace(subject, releases=(*subject.releases, Release("2.0.0")))
    assert promote(both, "2.0.0", Stage.DEPRECATED, now=1.0).default_major == 1
    assert set_default(both, 2).default_major == 2
    with pytest.raises(InvalidParams, match="a/s serves no release of major 3: served are 1, 2"):
        set_default(both, 3)
    assert Subject.decode(set_default(both, 2).encode()) == set_default(both, 2)
    assert b"default_major" not in subject_of(ONE).encode()
