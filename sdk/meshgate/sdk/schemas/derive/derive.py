"""The contract of one skill: the messages that its function takes and gives, and the image that they are in."""

from __future__ import annotations

from typing import Any

import msgspec

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.registry.schemas import Image
from meshgate.sdk.schemas.derive.annotations import is_model
from meshgate.sdk.schemas.derive.image_builder import build_image, image_of_class, package_of
from meshgate.sdk.schemas.derive.shape_reader import read_shapes
from meshgate.sdk.schemas.derive.shapes import Shapes
from meshgate.sdk.schemas.errors import BadContract
from meshgate.sdk.schemas.lock.numbers import Numbering, assign
from meshgate.sdk.skills.content import is_proto

__all__ = ["Derived", "Side", "derive"]


class Side(msgspec.Struct, frozen=True):
    """What a skill takes, or what it gives."""

    type: str
    """Full name of the message."""
    image: Image
    shapes: Shapes | None = None
    """What the message was made of, if it was made of a model."""
    shape: str = ""
    """The name of the message among them."""


class Derived(msgspec.Struct, frozen=True):
    """The contract of one skill. A side that is text, parts or plain data has none."""

    takes: Side | None
    gives: Side | None
    numbering: Numbering
    """The numbers, those that were known before included."""

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that have a contract."""
        return tuple(side for side in (self.takes, self.gives) if side is not None)


def derive(agent: str, skill: str, takes: Any, gives: Any, known: Numbering, limits: Limits = DEFAULTS) -> Derived:
    """The contract of a skill, from the annotations of its input and output.

    Models become messages ``agents.AGENT.SKILL.MODEL``, all in one image; classes of protobuf messages keep theirs.

    Args:
        agent, skill: names, as registered.
        takes, gives: a pydantic model, a dataclass or a class of protobuf messages; others make no contract.
        known: the numbers that were given before.
        limits: how large a schema may be.

    Raises:
        BadContract: a type has no counterpart in protobuf; the error says where and how to write it.
        BadSchema: a schema is too large, or of a kind that is not taken.
    """
    models = [kind for kind in (takes, gives) if is_model(kind)]
    image, shapes, numbering, names = None, None, known, dict[Any, str]()
    package = package_of(agent, skill)
    if models:
        try:
            shapes, found = read_shapes(models)
            numbering = assign(known, shapes)
        except BadContract as error:
            raise BadContract(f"skill {skill}, {error.path}", error.problem, error.remedy) from None
        except RecursionError:
            problem = "its models hold one another too deep"
            raise BadContract(f"skill {skill}, {models[0].__name__}", problem, "use fewer levels") from None
        image = build_image(package, shapes, numbering, limits)
        names = dict(zip(models, found, strict=True))

    def side(kind: Any) -> Side | None:
        if is_proto(kind):
            return Side(kind.DESCRIPTOR.full_name, image_of_class(kind, limits))
        if image is None or not is_model(kind):
            return None
        return Side(f"{package}.{names[kind]}", image, shapes, names[kind])

    return Derived(side(takes), side(gives), numbering)
