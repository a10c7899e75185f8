"""``meshgate jobs`` and ``meshgate job``: list the jobs, and show one as a tree of calls."""

from __future__ import annotations

from typing import Annotated

import typer

from meshgate.cli.admin_client import Admin, segment
from meshgate.cli.commands.options import Json
from meshgate.cli.console import out, print_json
from meshgate.cli.exits import CliError
from meshgate.cli.views.job_tree import job_view
from meshgate.cli.views.model import GatewayStatus, Job, Tree
from meshgate.cli.views.tables import jobs_table

__all__ = ["job", "jobs"]


def jobs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many, the youngest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List the youngest jobs.

    A job is everything that descends from one outside call. Records are kept for an hour,
    and since a gateway was started; the last line says since when.

    \b
    Examples:
      meshgate jobs
      meshgate jobs -n 5 --json
    """
    with Admin() as admin:
        if as_json:
            print_json(admin.raw("jobs", limit=limit))
        else:
            found = admin.get("jobs", tuple[Job, ...], limit=limit)
            gateways = admin.get("gateways", tuple[GatewayStatus, ...])
            out().print(jobs_table(found, since=max((one.records_since for one in gateways), default=0.0)))


def job(
    job_id: Annotated[str, typer.Argument(metavar="ID|last", help="A job's id, or 'last' for the youngest.")] = "last",
    as_json: Json = False,
) -> None:
    """Show a job as a tree of calls.

    Durations, cost, where each call went, why, and what was refused.

    \b
    Examples:
      meshgate job last
      meshgate job gw1f3a9c02.5d41402abc4b2a76
      meshgate job last --json | jq .cost_usd
    """
    with Admin() as admin:
        if job_id == "last":
            youngest: tuple[Job, ...] = admin.get("jobs", tuple[Job, ...], limit=1)
            if not youngest:
                raise CliError("there are no jobs yet", remedy="'meshgate call AGENT TEXT' makes one")
            job_id = youngest[0].id
        path = f"jobs/{segment(job_id)}"
        if as_json:
            print_json(admin.raw(path))
        else:
            out().print(job_view(admin.get(path, Tree)))
