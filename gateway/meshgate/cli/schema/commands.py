"""``meshgate schema``: the contracts of skills, before they are deployed and while they live."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshgate.cli.admin_client import Admin
from meshgate.cli.console import out, print_json
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema.api import get_subject, list_subjects, path_of, release_image, release_of
from meshgate.cli.schema.change import promote, propose, set_
from meshgate.cli.schema.model import Subject, Usage
from meshgate.cli.schema.options import MODES, Agent, File, Json, OneSkill, SideName, Skill, TypeName, mode, one_of

if TYPE_CHECKING:
    from meshgate.registry.schemas import Image

__all__ = ["schema"]

_LOCAL, _MESH, _CHANGE = "Before you deploy", "What is in the mesh", "Change it"

schema = typer.Typer(
    name="schema",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@schema.callback()
def group() -> None:
    """Contracts of skills: check a change, follow releases, make a client.

    \b
    A change, from the editor to its end:
      meshgate schema check contracts.lock.json --agent weather
      meshgate schema propose contracts.lock.json --agent weather
      meshgate schema diff weather/forecast 1.0.0 2.0.0
      meshgate schema usage weather/forecast
      meshgate schema promote weather/forecast 1.0.0 deprecated
    """


@schema.command(rich_help_panel=_LOCAL)
def check(  # noqa: PLR0917 - options, which nobody passes by position
    file: File,
    against: Annotated[
        str, typer.Option(metavar="WHAT", help="registry, git:REF or image:FILE (a lock file will do too).")
    ] = "registry",
    agent: Agent = "",
    skill: OneSkill = "",
    type_name: TypeName = "",
    side: SideName = "",
    version: Annotated[str, typer.Option(metavar="VERSION", help="Judge it as this release.")] = "",
    input_: Annotated[str | None, mode("--input", "With git and image: the inputs' mode.")] = None,
    output: Annotated[str | None, mode("--output", "With git and image: the outputs' mode.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="With git and image: count what gateways make up for too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say whether schemas in a file keep the contracts, and what to do where they do not.

    Exit codes: 0 they do, 1 they do not, 2 something cannot be read, 3 and 4 the mesh is out of reach or refuses the
    key. With git and image, MODE is BACKWARD_TRANSITIVE for inputs and FORWARD_TRANSITIVE for outputs, if not given.

    \b
    Examples:
      meshgate schema check contracts.lock.json
      meshgate schema check contracts.lock.json --against git:origin/main
      meshgate schema check new.binpb --against image:released.binpb
      buf build -o - | meshgate schema check - --against image:old.binpb
    """
    from meshgate.cli.schema.check import Asked, check_files, check_mesh
    from meshgate.cli.schema.files import read_source
    from meshgate.cli.schema.tables import report_view

    defaults = Asked()
    modes = (
        one_of(input_, MODES, "--input") or defaults.input,
        one_of(output, MODES, "--output") or defaults.output,
    )
    only = one_of(side, defaults.sides, "--side")
    asked = Asked(agent, skill, type_name, (only,) if only else defaults.sides, version, *modes, strict)
    kind, _, name = against.partition(":")
    if against == "registry":
        if input_ or output or strict:
            raise CliError("the mesh judges by its own settings", Exit.USAGE, "leave --input, --output, --strict out")
        source = read_source(file)
        with Admin() as admin:
            report = check_mesh(source, asked, admin)
    elif kind in ("git", "image") and name:
        report = check_files(file, against, asked)
    else:
        raise CliError(f"--against {against}: unknown", Exit.USAGE, "write registry, git:REF or image:FILE")
    if as_json:
        print_json(report)
    else:
        out().print(report_view(report))
    if not report.compatible:
        raise typer.Exit(Exit.FAILED)


@schema.command(rich_help_panel=_LOCAL)
def diff(
    subject: Skill,
    old: Annotated[str, typer.Argument(metavar="V1", help="The earlier release.")],
    new: Annotated[str, typer.Argument(metavar="V2", help="The later one, or 'latest'.")] = "latest",
    as_json: Json = False,
) -> None:
    """Show what changed between two releases, and what becomes of data both ways.

    \b
    Examples:
      meshgate schema diff weather/forecast 1.0.0
      meshgate schema diff weather/forecast 1.0.0 2.0.0
      meshgate schema diff weather/forecast 1.0.0 2.0.0 --json | jq .output
    """
    from meshgate.cli.schema.diff import diff_of
    from meshgate.cli.schema.tables import diff_view

    with Admin() as admin:
        known = get_subject(admin, subject)
        found = diff_of(known, release_of(known, old), release_of(known, new), _images(admin, known))
    if as_json:
        print_json(found)
    else:
        out().print(diff_view(found, known.settings.mediation))


def _images(admin: Admin, subject: Subject) -> Any:
    def image(version: str, side: str) -> Image | None:
        return release_image(admin, subject, release_of(subject, version), side)

    return image


@schema.command("list", rich_help_panel=_MESH)
def list_(
    agent: Agent = "",
    as_json: Json = False,
) -> None:
    """List the skills that have contracts.

    \b
    Examples:
      meshgate schema list
      meshgate schema list --agent weather --json
    """
    from meshgate.cli.schema.tables import subjects_table

    with Admin() as admin:
        found = list_subjects(admin, agent)
    if as_json:
        print_json(found.subjects)
    else:
        out().print(subjects_table(found.subjects, agent))


@schema.command(rich_help_panel=_MESH)
def show(subject: Skill, as_json: Json = False) -> None:
    """Show a contract: its settings, releases, stages, owners and migrations.

    \b
    Examples:
      meshgate schema show weather/forecast
      meshgate schema show weather/forecast --json | jq '.releases[].stage'
    """
    from meshgate.cli.schema.tables import subject_view

    with Admin() as admin:
        found = get_subject(admin, subject)
        if as_json:
            print_json(admin.raw(path_of(subject)))
        else:
            out().print(subject_view(found))


@schema.command(rich_help_panel=_MESH)
def usage(
    subject: Skill,
    fields: Annotated[bool, typer.Option("--fields", help="Field by field.")] = False,
    as_json: Json = False,
) -> None:
    """Show who still sends or reads which version, how often and when last.

    Each gateway counts from its start; the table is the sum over all.

    \b
    Examples:
      meshgate schema usage weather/forecast
      meshgate schema usage weather/forecast --fields
      meshgate schema usage weather/forecast --json | jq '.rows[].caller'
    """
    from meshgate.cli.schema.tables import usage_view

    path = f"{path_of(subject)}/usage"
    with Admin() as admin:
        if as_json:
            print_json(admin.raw(path, fields=int(fields)))
        else:
            found: Usage = admin.get(path, Usage, fields=int(fields))
            out().print(usage_view(found, time.time(), fields=fields))


@schema.command(rich_help_panel=_LOCAL)
def codegen(
    subject: Skill,
    version: Annotated[str, typer.Option(metavar="VERSION", help="Which release.")] = "latest",
) -> None:
    """Print a typed client in Python: models, and a function that calls the skill.

    It runs with the base install, and says with each call which version it speaks.

    \b
    Examples:
      meshgate schema codegen weather/forecast > weather_client.py
      meshgate schema codegen weather/forecast --version 1.0.0
    """
    from meshgate.sdk.schemas.codegen.generator import generate

    with Admin() as admin:
        known = get_subject(admin, subject)
        release = release_of(known, version)
        takes, gives = (release_image(admin, known, release, side) for side in ("input", "output"))
    data_in, data_out = (image.data if image is not None else None for image in (takes, gives))
    type_in, type_out = (ref.type if ref is not None else "" for ref in (release.input, release.output))
    print(generate(subject, release.version, data_in, type_in, data_out, type_out), end="")


for _name, _command in (("propose", propose), ("promote", promote), ("set", set_)):
    schema.command(_name, rich_help_panel=_CHANGE)(_command)
