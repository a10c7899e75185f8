"""``meshgate schema set``: changes the settings of a contract."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from meshgate.cli.admin_client import Admin
from meshgate.cli.console import err, print_json
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema.api import change
from meshgate.cli.schema.options import MEDIATIONS, MODES, Json, Skill, mode, one_of

__all__ = ["set_"]


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
