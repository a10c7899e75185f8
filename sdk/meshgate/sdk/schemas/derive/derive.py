"""The contract of one skill: the messages that its function takes and gives, and the image that they are in."""

from __future__ import annotations

from typing import Any

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.sdk.schemas.derive.annotations import is_model
from meshgate.sdk.schemas.derive.derived_contract import DerivedContract, DerivedMessage
from meshgate.sdk.schemas.derive.image_builder import build_image, image_of_class, package_of
from meshgate.sdk.schemas.derive.shape_reader import read_shapes
from meshgate.sdk.schemas.errors import BadContract
from meshgate.sdk.schemas.lock.assignment import assign
from meshgate.sdk.schemas.lock.numbers import Numbering
from meshgate.sdk.skills.content import is_protobuf_class

__all__ = ["derive"]


def derive(
    agent: str, skill: str, takes: Any, gives: Any, known: Numbering, limits: Limits = DEFAULTS
) -> DerivedContract:
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

    def side(kind: Any) -> DerivedMessage | None:
        if is_protobuf_class(kind):
            return DerivedMessage(kind.DESCRIPTOR.full_name, image_of_class(kind, limits))
        if image is None or not is_model(kind):
            return None
        return DerivedMessage(f"{package}.{names[kind]}", image, shapes, names[kind])

    return DerivedContract(side(takes), side(gives), numbering)
