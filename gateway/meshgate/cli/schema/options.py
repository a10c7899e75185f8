"""The arguments and options that several commands about contracts share, and the words that they accept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema.api import path_of

__all__ = [
    "MEDIATIONS",
    "MODES",
    "STAGES",
    "Agent",
    "File",
    "Json",
    "OneSkill",
    "SideName",
    "Skill",
    "Tenant",
    "TypeName",
    "mode",
    "one_of",
]

MODES = (
    *("BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE"),
    *("FULL", "FULL_TRANSITIVE", "NONE"),
)
STAGES = ("proposed", "active", "deprecated", "retired")
MEDIATIONS = ("off", "observe", "enforce")


def _named(subject: str) -> str:
    """Refuse a subject that is not of the form AGENT/SKILL."""
    path_of(subject)
    return subject


Skill = Annotated[
    str,
    typer.Argument(
        metavar="AGENT/SKILL",
        help="Whose contract: weather/forecast; of another tenant acme:weather/forecast.",
        callback=_named,
    ),
]
File = Annotated[str, typer.Argument(metavar="FILE|-", help="A lock file, or a descriptor set; '-' is standard input.")]
Agent = Annotated[str, typer.Option(metavar="NAME", help="Only this agent's skills.")]
Tenant = Annotated[str, typer.Option(metavar="NAME", help="In the mesh: whose agents they are.")]
OneSkill = Annotated[str, typer.Option("--skill", metavar="NAME", help="Only this skill.")]
TypeName = Annotated[str, typer.Option("--type", metavar="PKG.MESSAGE", help="Of a descriptor set: this message.")]
SideName = Annotated[
    str,
    typer.Option(
        "--side",
        metavar="input|output",
        help="Of a descriptor set: what it is used as. [dim]\\[default: both][/dim]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def mode(name: str, help_: str) -> Any:
    """An option that takes a compatibility mode."""
    return typer.Option(name, metavar="MODE", help=help_)


def one_of(given: str | None, known: Sequence[str], what: str) -> str | None:
    """The known word that is given, in any case; None if none is given.

    Raises:
        CliError: it is not a known word.
    """
    if not given:
        return None
    found = next((one for one in known if one.lower() == given.lower()), None)
    if found is None:
        raise CliError(f"{what} {given}: unknown", Exit.USAGE, "write " + ", ".join(known))
    return found
