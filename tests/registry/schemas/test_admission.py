"""What registering a release does to a skill's contract."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.limits import Limits
from meshgate.registry.model import SchemaRef
from meshgate.registry.schemas import (
    BadSchema,
    Image,
    Incompatible,
    Migration,
    Mode,
    Release,
    Stage,
    StageRefused,
    Subject,
    SubjectSettings,
    VersionRetired,
    VersionTaken,
    admit,
    examine,
    promote,
)
from tests.registry.schemas.build import image

NARROW, WIDE, OTHER = (image(f"message A {{ {kind} a = 1; }}") for kind in ("int32", "int64", "string"))
IMAGES: Mapping[str, Image] = {one.digest: one for one in (NARROW, WIDE, OTHER)}
EMPTY = Subject(agent="archive", skill="summarise")


def ref(schema: Image) -> SchemaRef:
    return SchemaRef(type="p.A", hash=schema.digest)


def release(version: str, taken: Image = NARROW, stage: Stage = Stage.ACTIVE) -> Release:
    return Release(version=version, input=ref(taken), stage=stage)


def versions(subject: Subject) -> list[str]:
    return [one.version for one in subject.releases]


@pytest.mark.requirement("schema.admit")
def test_the_first_release_is_taken() -> None:
    assert admit(EMPTY, release("1.0.0", OTHER), IMAGES).releases == (release("1.0.0", OTHER),)


@pytest.mark.requirement("schema.admit")
def test_the_same_release_again_changes_nothing() -> None:
    subject = admit(EMPTY, release("1.0.0"), IMAGES)
    deprecated = promote(subject, "1.0.0", Stage.DEPRECATED, now=5.0)

    assert admit(subject, release("1.0"), IMAGES) is subject
    assert admit(deprecated, msgspec.structs.replace(release("1.0.0"), owner="someone"), IMAGES) is deprecated


@pytest.mark.requirement("schema.admit")
@pytest.mark.parametrize(
    "changed",
    [
        release("1.0.0", WIDE),
        Release(version="1.0.0"),
        Release(version="1.0.0", input=ref(NARROW), output=ref(NARROW)),
        Release(version="1.0.0", input=ref(NARROW), migrations=(Migration(source="^1", function="tidy"),)),
    ],
    ids=["schema", "no input", "an output", "a migration"],
)
def test_a_version_never_changes_its_content(changed: Release) -> None:
    subject = admit(EMPTY, release("1.0.0"), IMAGES)

    with pytest.raises(VersionTaken):
        admit(subject, changed, IMAGES)


@pytest.mark.requirement("schema.admit")
def test_a_retired_version_never_comes_back_by_registration() -> None:
    subject = Subject(agent="archive", skill="summarise", releases=(release("1.0.0", stage=Stage.RETIRED),))

    with pytest.raises(VersionRetired):
        admit(subject, release("1.0.0"), IMAGES)


@pytest.mark.requirement("schema.admit")
def test_a_release_that_breaks_the_contract_is_refused_with_every_reason() -> None:
    subject = admit(EMPTY, release("1.0.0", WIDE), IMAGES)

    with pytest.raises(Incompatible) as caught:
        admit(subject, release("1.1.0", NARROW), IMAGES)
    assert [path for path, _ in caught.value.violations] == ["p.A.a", "p.A.a"]
    assert "2.0.0" in str(caught.value)
    assert [one.against for one in examine(subject, release("1.1.0"), IMAGES)] == ["1.0.0", "1.0.0"]


def test_a_new_major_version_is_taken_whatever_it_says() -> None:
    subject = admit(EMPTY, release("1.0.0", WIDE), IMAGES)

    assert versions(admit(subject, release("2.0.0", OTHER), IMAGES)) == ["1.0.0", "2.0.0"]


@pytest.mark.requirement("schema.modes")
def test_by_default_new_agents_read_old_callers_and_old_callers_read_new_agents() -> None:
    taken = admit(EMPTY, Release(version="1.0.0", input=ref(NARROW), output=ref(WIDE)), IMAGES)

    assert examine(taken, Release(version="1.1.0", input=ref(WIDE), output=ref(NARROW)), IMAGES) == ()
    assert examine(taken, Release(version="1.1.0", input=ref(NARROW), output=ref(WIDE)), IMAGES) == ()
    opposite = admit(EMPTY, Release(version="1.0.0", input=ref(WIDE), output=ref(NARROW)), IMAGES)
    both = examine(opposite, Release(version="1.1.0", input=ref(NARROW), output=ref(WIDE)), IMAGES)
    assert {one.direction for one in both} == {"backward", "forward"}


def test_a_contract_that_is_given_up_is_refused() -> None:
    subject = admit(EMPTY, release("1.0.0"), IMAGES)

    assert [one.rule for one in examine(subject, Release(version="1.1.0"), IMAGES)] == ["type-removed"]


@pytest.mark.requirement("schema.backport")
def test_a_backport_takes_its_place_among_the_others() -> None:
    subject = admit(admit(EMPTY, release("1.0.0", NARROW), IMAGES), release("1.2.0", WIDE), IMAGES)

    assert versions(admit(subject, release("1.1.0", NARROW), IMAGES)) == ["1.0.0", "1.1.0", "1.2.0"]
    with pytest.raises(Incompatible):
        admit(subject, release("1.1.0", OTHER), IMAGES)


def test_retired_releases_do_not_count() -> None:
    subject = Subject(agent="a", skill="s", releases=(release("1.0.0", OTHER, Stage.RETIRED),))

    assert versions(admit(subject, release("1.1.0"), IMAGES)) == ["1.0.0", "1.1.0"]


def test_what_is_proposed_counts_as_what_is_active_does() -> None:
    subject = Subject(agent="a", skill="s", releases=(release("1.0.0", OTHER, Stage.PROPOSED),))

    with pytest.raises(Incompatible):
        admit(subject, release("1.1.0"), IMAGES)


@pytest.mark.requirement("schema.proposed")
def test_a_proposal_is_judged_as_a_registration_and_waits_as_proposed() -> None:
    subject = admit(EMPTY, release("1.0.0", WIDE), IMAGES)
    proposed = admit(subject, release("1.1.0", WIDE, Stage.PROPOSED), IMAGES)

    assert [one.stage for one in proposed.releases] == [Stage.ACTIVE, Stage.PROPOSED]
    assert [one.served for one in proposed.releases] == [True, False]
    assert admit(proposed, release("1.1.0", WIDE, Stage.PROPOSED), IMAGES) is proposed
    assert admit(proposed, release("1.0.0", WIDE, Stage.PROPOSED), IMAGES) is proposed
    with pytest.raises(Incompatible):
        admit(subject, release("1.1.0", NARROW, Stage.PROPOSED), IMAGES)
    with pytest.raises(VersionTaken):
        admit(proposed, release("1.1.0", NARROW, Stage.PROPOSED), IMAGES)


@pytest.mark.requirement("schema.proposed")
def test_an_agent_joins_with_a_proposed_release_once_it_is_active() -> None:
    proposal = msgspec.structs.replace(release("1.0.0", stage=Stage.PROPOSED), steward="team-archive")
    proposed = admit(EMPTY, proposal, IMAGES)

    with pytest.raises(StageRefused) as caught:
        admit(proposed, release("1.0"), IMAGES)
    assert "meshgate schema promote archive/summarise 1.0.0 active" in caught.value.message
    assert "team-archive" in caught.value.message
    with pytest.raises(VersionTaken):
        admit(proposed, release("1.0.0", WIDE), IMAGES)
    active = promote(proposed, "1.0.0", Stage.ACTIVE, now=1.0)
    assert admit(active, release("1.0.0"), IMAGES) is active
    withdrawn = promote(proposed, "1.0.0", Stage.RETIRED, now=1.0)
    for stage in (Stage.ACTIVE, Stage.PROPOSED):
        with pytest.raises(VersionRetired):
            admit(withdrawn, release("1.0.0", stage=stage), IMAGES)


@pytest.mark.requirement("schema.review")
def test_where_releases_are_reviewed_an_agent_brings_no_new_one() -> None:
    first = admit(EMPTY, release("1.0.0", WIDE), IMAGES)
    reviewed = msgspec.structs.replace(first, settings=SubjectSettings(review=True))

    assert admit(reviewed, release("1.0.0", WIDE), IMAGES) is reviewed
    with pytest.raises(StageRefused) as caught:
        admit(reviewed, release("1.1.0", WIDE), IMAGES)
    assert "meshgate schema propose" in caught.value.message
    with pytest.raises(Incompatible):
        admit(reviewed, release("1.1.0", NARROW), IMAGES)
    proposed = admit(reviewed, release("1.1.0", WIDE, Stage.PROPOSED), IMAGES)
    active = promote(proposed, "1.1.0", Stage.ACTIVE, now=1.0)
    assert admit(active, release("1.1.0", WIDE), IMAGES) is active


@pytest.mark.requirement("schema.review")
def test_a_subject_from_before_there_were_reviews_has_none() -> None:
    old = b'{"agent":"archive","skill":"summarise","settings":{"mediation":"observe"}}'

    assert Subject.decode(old).settings == SubjectSettings(mediation="observe", review=False)
    assert b"review" not in Subject.decode(old).encode()


@pytest.mark.requirement("schema.mediated")
def test_where_gateways_convert_a_renamed_field_is_taken() -> None:
    renamed = image("message A { int32 b = 1; }")
    images = {**IMAGES, renamed.digest: renamed}
    plain = msgspec.structs.replace(admit(EMPTY, release("1.0.0"), images), settings=SubjectSettings(mediation="off"))
    mediated = msgspec.structs.replace(plain, settings=SubjectSettings(mediation="enforce"))

    assert [one.rule for one in examine(plain, release("1.1.0", renamed), images)] == ["json-name"]
    assert examine(mediated, release("1.1.0", renamed), images) == ()


def test_without_a_mode_everything_is_taken() -> None:
    lax = msgspec.structs.replace(EMPTY, settings=SubjectSettings(input=Mode.NONE, output=Mode.NONE))
    subject = admit(lax, release("1.0.0", OTHER), IMAGES)

    assert versions(admit(subject, release("1.1.0"), IMAGES)) == ["1.0.0", "1.1.0"]


@pytest.mark.parametrize(
    "side",
    [SchemaRef(type="p.A", hash="0" * 32), SchemaRef(type="p.B", hash=NARROW.digest)],
    ids=["no image", "no type"],
)
def test_a_release_names_an_image_and_a_type_that_exist(side: SchemaRef) -> None:
    with pytest.raises(BadSchema):
        admit(EMPTY, Release(version="1.0.0", input=side), IMAGES)


@pytest.mark.parametrize(
    "bad",
    [
        Release(version="one"),
        Release(version="1.0.0", input=SchemaRef(type="p.A")),
        Release(version="1.0.0", input=SchemaRef(type="", hash=NARROW.digest)),
        Release(version="1.0.0", notice="x" * 1025),
        Release(version="1.0.0", sunset="tomorrow"),
        Release(version="1.0.0", sunset="2027-13-01"),
        Release(version="1.0.0", migrations=(Migration(source="^1"),)),
        Release(version="1.0.0", migrations=(Migration(source="^1", up={"a": "old.b"}, function="tidy"),)),
        Release(version="1.0.0", migrations=(Migration(source="first", up={"a": "old.b"}),)),
        Release(version="1.0.0", migrations=(Migration(source="^1", up={"a..b": "old.b"}),)),
        Release(version="1.0.0", migrations=(Migration(source="^1", up={"a": ""}),)),
        Release(version="1.0.0", migrations=(Migration(source="^1", down={"a": "x" * 2049}),)),
        Release(version="1.0.0", migrations=(Migration(source="^1", function="os;system"),)),
        Release(version="1.0.0", migrations=(Migration(source="^1", up={f"a{n}": "1" for n in range(65)}),)),
        Release(version="1.0.0", migrations=tuple(Migration(source=f"1.{n}", function="f") for n in range(33))),
    ],
    ids=[
        "version",
        "no hash",
        "no type",
        "notice",
        "sunset",
        "month",
        "empty migration",
        "both kinds",
        "source",
        "path",
        "no expression",
        "long expression",
        "function",
        "targets",
        "migrations",
    ],
)
def test_a_release_that_is_not_well_formed_is_refused(bad: Release) -> None:
    with pytest.raises(InvalidParams):
        admit(EMPTY, bad, IMAGES)


def test_the_oldest_retired_release_makes_room_and_no_other_does() -> None:
    limits = Limits(schema_releases=2)
    kept = (release("1.0.0"), release("2.0.0", stage=Stage.RETIRED))
    subject = Subject(agent="a", skill="s", releases=kept)
    full = admit(subject, release("3.0.0"), IMAGES, limits)

    assert versions(full) == ["1.0.0", "3.0.0"]
    with pytest.raises(InvalidParams):
        admit(full, release("4.0.0"), IMAGES, limits)


def test_how_many_reasons_a_refusal_lists_is_a_limit() -> None:
    subject = admit(EMPTY, release("1.0.0", WIDE), IMAGES)
    with pytest.raises(Incompatible) as caught:
        admit(subject, release("1.1.0", NARROW), IMAGES, Limits(schema_reasons=1))
    assert [path for path, _ in caught.value.violations] == ["p.A.a"]
