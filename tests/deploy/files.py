"""Reads the files of ``deploy`` as those read them that they are for: Docker, Compose and systemd."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

__all__ = ["DEPLOY", "ROOT", "Image", "Unit", "compose", "read_image", "read_unit"]

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@dataclass
class Image:
    """The last stage of a Dockerfile, and the instructions of all stages."""

    steps: list[list[tuple[str, str]]] = field(default_factory=list[list[tuple[str, str]]])
    """The instructions of each stage, in order: a word and its arguments."""
    arguments: dict[str, str] = field(default_factory=dict[str, str])
    """The defaults of ``ARG``."""

    def last(self, word: str) -> str:
        """The arguments of an instruction of the last stage; the last one counts."""
        return next(text for name, text in reversed(self.steps[-1]) if name == word)

    def words(self, word: str) -> list[str]:
        """The command of an instruction in its exec form."""
        text = self.last(word)
        found: list[str] = json.loads(text[text.index("[") :])
        return found

    @property
    def environ(self) -> dict[str, str]:
        """The variables that the last stage sets."""
        texts = [text for name, text in self.steps[-1] if name == "ENV"]
        return dict(one.split("=", 1) for text in texts for one in shlex.split(text))

    @property
    def runs(self) -> list[str]:
        """The shell commands of the first stage, with the defaults of its arguments."""
        return [self.resolved(text) for name, text in self.steps[0] if name == "RUN"]

    def resolved(self, text: str) -> str:
        """A text with the defaults of ``ARG`` in it."""
        return re.sub(r"\$\{(\w+)\}", lambda found: self.arguments.get(found[1], found[0]), text)


def read_image(text: str) -> Image:
    """Read a Dockerfile: comments, continued lines, ``ARG`` and stages."""
    image = Image()
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "ARG":
            name, _, default = rest.partition("=")
            image.arguments.setdefault(name, default)
        elif word == "FROM":
            image.steps.append([])
        if image.steps:
            image.steps[-1].append((word, rest.strip()))
    return image


@dataclass(frozen=True)
class Unit:
    """A unit of systemd: its lines, in order."""

    lines: tuple[tuple[str, str, str], ...]
    """Section, directive, value."""

    def all(self, directive: str) -> list[str]:
        """Every value of a directive."""
        return [value for _, name, value in self.lines if name == directive]

    def one(self, directive: str) -> str:
        """The value of a directive that stands there once."""
        (value,) = self.all(directive)
        return value

    @property
    def hardening(self) -> list[tuple[str, str]]:
        """What confines the service: the directives from ``UMask`` on."""
        found = [(name, value) for section, name, value in self.lines if section == "Service"]
        return found[found.index(("UMask", "0077")) :]


def read_unit(path: Path) -> Unit:
    """Read a unit file, strictly: each line is a comment, a section or a directive."""
    section, lines = "", list[tuple[str, str, str]]()
    for line in path.read_text("utf-8").splitlines():
        if not line or line.startswith(("#", ";")):
            continue
        if (head := re.fullmatch(r"\[(\w+)\]", line)) is not None:
            section = head[1]
            continue
        name, equals, value = line.partition("=")
        assert section, f"{path.name}: {line!r} stands in no section"
        assert equals, f"{path.name}: {line!r} is no directive"
        assert re.fullmatch(r"[A-Z]\w+", name), f"{path.name}: {name!r} is no name of a directive"
        lines.append((section, name, value))
    return Unit(tuple(lines))


def compose() -> dict[str, Any]:
    """The Compose file."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found
