"""A typed client of one release of a skill's contract, as Python source that runs with the base install."""

from __future__ import annotations

import builtins
import re

from google.protobuf.descriptor import Descriptor

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.selector import NAME
from meshgate.a2a.version_syntax import parse_version
from meshgate.registry.schemas import load_image
from meshgate.sdk.schemas.codegen.models import Models
from meshgate.sdk.schemas.codegen.names import Names, literal, snake
from meshgate.sdk.schemas.descriptors import reachable, same_definitions

__all__ = ["generate"]

_IMPORTS: dict[str, tuple[str, ...]] = {
    "typing": ("Any", "ClassVar", "Unpack"),
    "pydantic": ("AwareDatetime", "Field"),
    "meshgate.sdk": ("CallOptions", "Contract", "Mesh", "Result"),
    "meshgate.sdk.contracts": ("Bytes", "ClientModel", "Duration", "Float"),
}
_OPTIONS = ("mesh", "options", "budget", "context_id", "deadline", "metadata")
_HEAD = '''\
"""A client of {subject} {version}. Written by 'meshgate schema codegen': write it again instead of editing it."""

from __future__ import annotations
'''
_FUNCTION = '''

async def {name}(mesh: Mesh, {given}, **options: Unpack[CallOptions]) -> {gives}:
    """Call {subject} in the words of its release {version}.

    Raises:
        TaskFailed, TaskRejected, TaskCancelled: the task ended without a result.
        MeshError: see ``meshgate.a2a.errors``.
    """
    result = await mesh.call({agent}, skill={skill}, {said}, **options)
    return {result}
'''


def generate(
    subject: str, version: str, image_in: bytes | None, type_in: str, image_out: bytes | None, type_out: str
) -> str:
    """Python source of a client: models, and an async function that calls the skill as this release.

    It depends on nothing but the arguments, so that writing it again shows in version control what changed.

    Args:
        subject: ``AGENT/SKILL``.
        version: the release.
        image_in, type_in: descriptor set and message of what the skill takes; None and "" if it takes text.
        image_out, type_out: the same of what it gives; without them the function gives the ``Result``.

    Raises:
        BadSchema: an image cannot be read, or lacks its type.
        InvalidParams: the subject or the version is none.
    """
    agent, _, skill = subject.partition("/")
    if NAME.match(agent) is None or NAME.match(skill) is None:
        raise InvalidParams(f"{subject[:64]!r} is no contract: write AGENT/SKILL, such as weather/forecast")
    parse_version(version)
    takes = load_image(image_in).message(type_in) if image_in is not None else None
    gives = load_image(image_out).message(type_out) if image_out is not None else None
    return _Client(agent, skill, version, takes, gives).source()


class _Client:
    def __init__(
        self, agent: str, skill: str, version: str, takes: Descriptor | None, gives: Descriptor | None
    ) -> None:
        self._agent, self._skill, self._version = agent, skill, version
        top = Names([*(name for names in _IMPORTS.values() for name in names), *dir(builtins), "annotations", "enum"])
        self._function = top.take(re.sub(r"\W", "_", skill, flags=re.ASCII))
        sides = [(root, reachable(root)) for root in (takes, gives) if root is not None]
        if len(sides) == 2 and same_definitions(sides[0][1], sides[1][1]):
            both = Models({**sides[0][1], **sides[1][1]}, top)
            self._models = [both]
            named = [(root, both) for root, _ in sides]
        else:
            self._models = [Models(found, top) for _, found in sides]
            named = [(root, models) for (root, _), models in zip(sides, self._models, strict=True)]
        self._roots = named
        names = [models.classes[root.full_name] for root, models in named]
        self._takes = names[0] if takes is not None else ""
        self._gives = names[-1] if gives is not None else ""

    def source(self) -> str:
        """The whole module."""
        classes = [text for models in self._models for text in models.source(self._contracts(models))]
        function = self._call()
        used = {"CallOptions", "Mesh", "Unpack"}.union(*(models.used for models in self._models))
        used |= set() if self._gives else {"Result"}
        shown = sorted({self._function}.union(*(models.classes.values() for models in self._models)))
        exported = "__all__ = [" + ", ".join(map(literal, shown)) + "]"
        head = _HEAD.format(subject=f"{self._agent}/{self._skill}", version=self._version)
        return "\n".join([head + _imports(used), exported, *classes, function.rstrip("\n")]) + "\n"

    def _contracts(self, models: Models) -> dict[str, str]:
        return {
            root.full_name: f"Contract({literal(root.full_name)}, {literal(self._version)})"
            for root, owner in self._roots
            if owner is models
        }

    def _call(self) -> str:
        given, said = "text: str", f"text=text, schema_version={literal(self._version)}"
        if self._takes:
            argument = Names(_OPTIONS).take(snake(self._takes))
            given, said = f"{argument}: {self._takes}", f"data={argument}"
        return _FUNCTION.format(
            name=self._function,
            given=given,
            gives=self._gives or "Result",
            subject=f"{self._agent}/{self._skill}",
            version=self._version,
            agent=literal(self._agent),
            skill=literal(self._skill),
            said=said,
            result=f"result.read({self._gives})" if self._gives else "result",
        )


def _imports(used: set[str]) -> str:
    groups = ["\nimport enum\n"] if "enum" in used else ["\n"]
    for module, names in _IMPORTS.items():
        found = [name for name in names if name in used]
        if module in ("pydantic", "meshgate.sdk") and found:
            groups.append("\n")
        if found:
            groups.append(f"from {module} import {', '.join(found)}\n")
    return "".join(groups)
