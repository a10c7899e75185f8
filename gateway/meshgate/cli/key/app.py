"""``meshgate key``: makes, lists, rotates and revokes keys while the mesh runs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from meshgate.a2a.mesh.tenants import DEFAULT_TENANT
from meshgate.cli.admin_client import Admin, segment
from meshgate.cli.commands.options import Json
from meshgate.cli.console import err, out, print_json
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.help import help_of
from meshgate.cli.key.times import end_of, length_of
from meshgate.cli.key.views import Key, MadeKey, key_view, keys_table, made_text

__all__ = ["key"]

KINDS = ("client", "join", "admin")
_CLEAR = re.compile(r"mg_[a-z]+_([0-9a-f]+)_.+")
"""A key in clear, with its id."""
_NAMED = Annotated[str, typer.Argument(metavar="KEY", help="Its id, or its name if no other key has it.")]

key = typer.Typer(
    name="key",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def group() -> None:
    """Keys: make, list, rotate and revoke them while the mesh runs.

    A client key calls agents, a join key registers agents, an admin key opens the admin API. Every gateway of the mesh
    goes by a change within two seconds. The mesh keeps hashes only: a key is shown once, when it is made.

    \b
    The life of a key:
      meshgate key create client alice --agent 'public-*' --expires 90d
      meshgate key list
      meshgate key rotate alice
      meshgate key revoke alice
    """


def create(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="client, join or admin.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is: tasks, rates and records are under it.")],
    *,
    agents: Annotated[
        list[str] | None, typer.Option("--agent", help="Agents it may call, or names it may register; repeatable.")
    ] = None,
    skills: Annotated[list[str] | None, typer.Option("--skill", help="Skills it may call; repeatable.")] = None,
    roles: Annotated[
        list[str] | None, typer.Option("--role", help="operator (join) or admin (client); repeatable.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Whose agents it sees.")] = DEFAULT_TENANT,
    expires: Annotated[str, typer.Option(metavar="WHEN", help="90d, 12h, or a day: 2027-03-31 (UTC).")] = "",
    service: Annotated[bool, typer.Option("--service", help="It is a program's, not a person's.")] = False,
    as_json: Json = False,
) -> None:
    """Make a key, and print it: the key alone goes to standard output.

    Agents and skills are patterns such as those of file names; quote them. A join key with the role operator may list
    foreign agents ('meshgate register'); a client key with the role admin acts on all tasks of its tenant.

    \b
    Examples:
      meshgate key create client alice
      meshgate key create client ci --service --agent 'review-*' --skill summarise --expires 90d
      meshgate key create join weather-team --agent 'weather-*' --tenant acme
      export MESHGATE_KEY=$(meshgate key create client alice)
    """
    if kind not in KINDS:
        raise CliError(f"there is no {kind!r} key", Exit.USAGE, "KIND is " + ", ".join(KINDS))
    said: dict[str, Any] = {"kind": kind, "name": name, "tenant": tenant, "expires": end_of(expires, time.time())}
    lists = {"agents": agents, "skills": skills, "roles": roles}
    said |= {field: value for field, value in lists.items() if value}
    if service:
        said["principal"] = "service"
    with Admin() as admin:
        _show(admin.post("keys", said, MadeKey), as_json=as_json)


def list_(as_json: Json = False) -> None:
    """List all keys: whose they are, what they may use, and when they end.

    \b
    Examples:
      meshgate key list
      meshgate key list --json | jq -r '.[] | select(.expires > 0) | .name'
    """
    with Admin() as admin:
        if as_json:
            print_json(admin.raw("keys"))
        else:
            out().print(keys_table(admin.get("keys", tuple[Key, ...])))


def show(named: _NAMED, as_json: Json = False) -> None:
    """Show one key: its scope, its roles, and when it ends.

    \b
    Examples:
      meshgate key show alice
      meshgate key show 5f1c0a9b3e
    """
    with Admin() as admin:
        if as_json:
            print_json(admin.raw(_path(named)))
        else:
            out().print(key_view(admin.get(_path(named), Key)))


def rotate(
    named: _NAMED,
    keep: Annotated[str, typer.Option(metavar="TIME", help="How long the old key stays valid: 0s, 1h, 7d.")] = "1h",
    as_json: Json = False,
) -> None:
    """Make a key in the place of another, with its name and its scope, and print it.

    The old key stays valid for an hour, so that its holders have time to change. If it has leaked, 'meshgate key
    revoke' ends it at once.

    \b
    Examples:
      meshgate key rotate alice
      meshgate key rotate 5f1c0a9b3e --keep 7d
    """
    seconds = length_of(keep, "--keep")
    with Admin() as admin:
        _show(admin.post(f"{_path(named)}/rotate", {"keep": seconds}, MadeKey), as_json=as_json)


def revoke(named: _NAMED) -> None:
    """End a key now. Every gateway refuses it within two seconds.

    Calls that are open go on: 'meshgate kill key NAME' ends those. Agents that joined with a join key leave when their
    lease is over. A key in clear is taken too: the mesh reads its id alone.

    \b
    Examples:
      meshgate key revoke alice
      meshgate key revoke 5f1c0a9b3e
    """
    with Admin() as admin:
        ended: Key = admin.post(f"{_path(named)}/revoke", {}, Key)
    err().print(f"revoked: {ended.kind} key {ended.id} of {ended.name}", markup=False, soft_wrap=True)


def _path(named: str) -> str:
    """The path of a key. Of a key in clear the id alone is sent: its secret would stand in logs."""
    clear = _CLEAR.fullmatch(named)
    return f"keys/{segment(clear[1] if clear else named)}"


def _show(made: MadeKey, *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    err().print(made_text(made), soft_wrap=True)
    print(made.key)


_COMMANDS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("create", create),
    ("list", list_),
    ("show", show),
    ("rotate", rotate),
    ("revoke", revoke),
)
key.callback(help=help_of(group))(group)
for _name, _command in _COMMANDS:
    key.command(_name, help=help_of(_command))(_command)
