"""The byte form of a subject."""

from __future__ import annotations

import msgspec
import pytest

from meshgate.registry.model import SchemaRef
from meshgate.registry.schemas import Migration, Release, Subject, SubjectSettings
from tests.registry.schemas.build import image

NARROW = image("message A { int32 a = 1; }")


def test_a_subject_has_one_byte_form_and_comes_back_from_it() -> None:
    migration = Migration(source="^1", up={"title": "old.name"}, down={"name": "old.title"})
    first = Release(
        version="1.0.0",
        input=SchemaRef(type="p.A", hash=NARROW.digest),
        migrations=(migration,),
        owner="a",
        deprecated=3.0,
    )
    subject = Subject(
        agent="a", skill="s", releases=(first,), settings=SubjectSettings(mediation="observe", forms=("json",))
    )

    assert Subject.decode(subject.encode()) == subject
    assert Subject.decode(subject.encode()).encode() == subject.encode()
    assert b'"from":"^1"' in subject.encode()
    with pytest.raises(msgspec.DecodeError):
        Subject.decode(b'{"agent": 1}')
