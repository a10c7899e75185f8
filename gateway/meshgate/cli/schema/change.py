"""The commands that change contracts: ``meshgate schema propose``, ``promote`` and ``set``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from meshgate.cli.admin_client import Admin
from meshgate.cli.console import err, out, plain, print_json
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema.api import change, path_of
from meshgate.cli.schema.model import Usage
from meshgate.cli.schema.options import (
    MEDIATIONS,
    MODES,
    STAGES,
    Agent,
    File,
    Json,
    OneSkill,
    SideName,
    Skill,
    TypeName,
    mode,
    one_of,
)

__all__ = ["promote", "propose", "set_"]


def propose(  # noqa: PLR0917 - options, which nobody passes by position
    file: File,
    agent: Agent = "",
    skill: OneSkill = "",
    type_name: TypeName = "",
    side: SideName = "",
    version: Annotated[str, typer.Option(metavar="VERSION", help="Propose it as this release.")] = "",
    owner: Annotated[str, typer.Option(metavar="WHO", help="Who answers for it.")] = "",
    steward: Annotated[str, typer.Option(metavar="WHO", help="Who promotes it, if that is not the owner.")] = "",
    as_json: Json = False,
) -> None:
    """Store releases before any agent runs them, for others to look at.

    The mesh judges them as registrations: if one is refused, none is stored. Agents and callers use a release once it
    is promoted to active. What is there already stays as it is. Exit codes are those of 'meshgate schema check'.

    \b
    Examples:
      meshgate schema propose contracts.lock.json --agent weather
      meshgate schema propose contracts.lock.json --steward team-weather
      meshgate schema propose new.binpb --agent weather --skill forecast \\
          --type weather.v1.Query --side input --version 1.1.0
    """
    from meshgate.cli.schema.check import Asked
    from meshgate.cli.schema.files import read_source
    from meshgate.cli.schema.propose import propose_to_mesh, proposed_view

    defaults = Asked()
    only = one_of(side, defaults.sides, "--side")
    asked = Asked(agent, skill, type_name, (only,) if only else defaults.sides, version)
    source = read_source(file)
    with Admin() as admin:
        found = propose_to_mesh(source, asked, admin, owner, steward)
    if as_json:
        print_json(found)
    else:
        out().print(proposed_view(found))
    if not found.compatible:
        raise typer.Exit(Exit.FAILED)


def promote(
    subject: Skill,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Which release.")],
    stage: Annotated[str, typer.Argument(metavar="STAGE", help=", ".join(STAGES) + ".")],
    notice: Annotated[str, typer.Option(metavar="TEXT", help="What callers of a deprecated release are told.")] = "",
    sunset: Annotated[str, typer.Option(metavar="DATE", help="The day it is to be retired, YYYY-MM-DD.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Bring a retired release back, as deprecated.")] = False,
    as_json: Json = False,
) -> None:
    """Take a release to another stage.

    From proposed to active, deprecated and retired; from deprecated also back to active. 'meshgate schema propose'
    makes a release proposed; one that is not wanted goes straight to retired. Calls in a retired version are refused:
    'meshgate schema usage' shows whether there are any.

    \b
    Examples:
      meshgate schema promote weather/forecast 1.1.0 active
      meshgate schema promote weather/forecast 1.0.0 deprecated \\
          --notice "use 2.0.0" --sunset 2027-03-31
      meshgate schema promote weather/forecast 1.0.0 retired
      meshgate schema promote weather/forecast 1.0.0 deprecated --force
    """
    stage = one_of(stage, STAGES, "STAGE") or ""
    body = {"version": version, "stage": stage, "notice": notice, "sunset": sunset, "force": force}
    with Admin() as admin:
        answer = change(admin, subject, "promote", body)
        still: Usage = admin.get(f"{path_of(subject)}/usage", Usage, fields=0)
    if as_json:
        print_json(answer)
        return
    version = str(answer.get("version", version))
    err().print(f"{subject} {version} is {answer.get('stage', stage)}", markup=False, soft_wrap=True)
    callers = sorted({one.caller for one in still.rows if one.version == version})
    if stage in ("deprecated", "retired") and callers:
        said = f"callers seen with it: {', '.join(callers)} ('meshgate schema usage {subject}' says when last)"
        err().print(plain(said), markup=False, soft_wrap=True)


def set_(
    subject: Skill,
    input_: Annotated[str | None, mode("--input", "What inputs of new releases have to keep.")] = None,
    output: Annotated[str | None, mode("--output", "The same of outputs.")] = None,
    mediation: Annotated[
        str | None,
        typer.Option(metavar="MODE", help="What gateways do: off, observe or enforce."),
    ] = None,
    validate_output: Annotated[
        bool | None, typer.Option("--validate-output/--no-validate-output", help="Whether answers are checked too.")
    ] = None,
    review: Annotated[
        bool | None,
        typer.Option("--review/--no-review", help="Whether a release is proposed and promoted before an agent joins."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change what a contract demands, and what gateways do about it.

    Modes of inputs and outputs are BACKWARD, FORWARD, FULL, each also with _TRANSITIVE, and NONE. They count for
    releases to come.

    \b
    Examples:
      meshgate schema set weather/forecast --mediation observe
      meshgate schema set weather/forecast --validate-output
      meshgate schema set weather/forecast --output FULL_TRANSITIVE
      meshgate schema set weather/forecast --review
    """
    given = {
        "input": one_of(input_, MODES, "--input"),
        "output": one_of(output, MODES, "--output"),
        "mediation": one_of(mediation, MEDIATIONS, "--mediation"),
        "validate_output": validate_output,
        "review": review,
    }
    body = {name: value for name, value in given.items() if value is not None}
    if not body:
        raise CliError("there is nothing to set", Exit.USAGE, "'meshgate schema set --help' shows what can be")
    with Admin() as admin:
        answer = change(admin, subject, "settings", body, put=True)
    if as_json:
        print_json(answer)
    else:
        said = ", ".join(f"{name.replace('_', '-')} {_word(answer.get(name))}" for name in given)
        err().print(f"{subject}: {said}", markup=False, soft_wrap=True)


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value))
