"""``meshgate schema check``: says whether schemas in a file keep their contracts."""

from __future__ import annotations

from typing import Annotated

import typer

from meshgate.a2a.mesh.tenants import DEFAULT_TENANT
from meshgate.cli.admin_client import Admin
from meshgate.cli.console import out, print_json
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema.options import MODES, Agent, File, Json, OneSkill, SideName, Tenant, TypeName, mode, one_of

__all__ = ["check"]


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
    tenant: Tenant = DEFAULT_TENANT,
    input_: Annotated[str | None, mode("--input", "With git and image: the inputs' mode.")] = None,
    output: Annotated[str | None, mode("--output", "With git and image: the outputs' mode.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="With git and image: count what gateways translate too.")
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
    from meshgate.cli.schema.file_check import check_files
    from meshgate.cli.schema.files import read_source
    from meshgate.cli.schema.mesh_check import check_mesh
    from meshgate.cli.schema.report import CheckOptions
    from meshgate.cli.schema.views.report import report_view

    defaults = CheckOptions()
    modes = (
        one_of(input_, MODES, "--input") or defaults.input,
        one_of(output, MODES, "--output") or defaults.output,
    )
    only = one_of(side, defaults.sides, "--side")
    sides = (only,) if only else defaults.sides
    options = CheckOptions(agent, skill, type_name, sides, version, *modes, strict, tenant)
    kind, _, name = against.partition(":")
    if against == "registry":
        if input_ or output or strict:
            raise CliError("the mesh judges by its own settings", Exit.USAGE, "leave --input, --output, --strict out")
        source = read_source(file)
        with Admin() as admin:
            report = check_mesh(source, options, admin)
    elif kind in ("git", "image") and name:
        report = check_files(file, against, options)
    else:
        raise CliError(f"--against {against}: unknown", Exit.USAGE, "write registry, git:REF or image:FILE")
    if as_json:
        print_json(report)
    else:
        out().print(report_view(report))
    if not report.compatible:
        raise typer.Exit(Exit.FAILED)
