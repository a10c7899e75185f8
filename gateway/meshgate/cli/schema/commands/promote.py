"""``meshgate schema promote``: takes a release to another stage."""

from __future__ import annotations

from typing import Annotated

import typer

from meshgate.cli.admin_client import Admin
from meshgate.cli.console import err, plain, print_json
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema.api import change, path_of
from meshgate.cli.schema.model import ContractUsage
from meshgate.cli.schema.options import STAGES, Json, Skill, one_of

__all__ = ["promote"]


def promote(
    subject: Skill,
    version: Annotated[str, typer.Argument(metavar="[VERSION]", help="Which release.")] = "",
    stage: Annotated[str, typer.Argument(metavar="[STAGE]", help=", ".join(STAGES) + ".")] = "",
    notice: Annotated[str, typer.Option(metavar="TEXT", help="What callers of a deprecated release are told.")] = "",
    sunset: Annotated[str, typer.Option(metavar="DATE", help="The day it is to be retired, YYYY-MM-DD.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Bring a retired release back, as deprecated.")] = False,
    default: Annotated[
        int | None, typer.Option("--default", metavar="MAJOR", help="What callers speak who name no release.", min=0)
    ] = None,
    as_json: Json = False,
) -> None:
    """Take a release to another stage, or choose the major version that callers speak who name no release.

    From proposed to active, deprecated and retired; from deprecated also back to active. 'meshgate schema propose'
    makes a release proposed; one that is not wanted goes straight to retired. Calls in a retired version are refused:
    'meshgate schema usage' shows whether there are any. A new major version becomes the default by --default alone.

    \b
    Examples:
      meshgate schema promote weather/forecast 1.1.0 active
      meshgate schema promote weather/forecast 1.0.0 deprecated \\
          --notice "use 2.0.0" --sunset 2027-03-31
      meshgate schema promote weather/forecast --default 2
      meshgate schema promote weather/forecast 1.0.0 retired
      meshgate schema promote weather/forecast 1.0.0 deprecated --force
    """
    if default is not None:
        _set_default(subject, default, version, as_json=as_json)
        return
    if not (version and stage):
        remedy = f"meshgate schema promote {subject} VERSION STAGE, or --default MAJOR"
        raise CliError("say which release, and its stage", Exit.USAGE, remedy)
    stage = one_of(stage, STAGES, "STAGE") or ""
    body = {"version": version, "stage": stage, "notice": notice, "sunset": sunset, "force": force}
    with Admin() as admin:
        answer = change(admin, subject, "promote", body)
        still: ContractUsage = admin.get(f"{path_of(subject)}/usage", ContractUsage, fields=0)
    if as_json:
        print_json(answer)
        return
    version = str(answer.get("version", version))
    err().print(f"{subject} {version} is {answer.get('stage', stage)}", markup=False, soft_wrap=True)
    callers = sorted({one.caller for one in still.rows if one.version == version})
    if stage in ("deprecated", "retired") and callers:
        said = f"callers seen with it: {', '.join(callers)} ('meshgate schema usage {subject}' says when last)"
        err().print(plain(said), markup=False, soft_wrap=True)


def _set_default(subject: str, major: int, version: str, *, as_json: bool) -> None:
    if version:
        raise CliError("--default goes without a release and a stage", Exit.USAGE, "run the two one after the other")
    with Admin() as admin:
        answer = change(admin, subject, "default", {"major": major}, put=True)
    if as_json:
        print_json(answer)
    else:
        said = f"callers of {subject} that name no release speak {major}.x"
        err().print(said, markup=False, soft_wrap=True)
