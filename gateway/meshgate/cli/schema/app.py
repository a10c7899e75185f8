"""``meshgate schema``: the commands about contracts of skills, before they are deployed and while they live."""

from __future__ import annotations

from collections.abc import Callable

import typer

from meshgate.cli.help import help_of
from meshgate.cli.schema.commands.check import check
from meshgate.cli.schema.commands.codegen import codegen
from meshgate.cli.schema.commands.diff import diff
from meshgate.cli.schema.commands.lock import lock
from meshgate.cli.schema.commands.promote import promote
from meshgate.cli.schema.commands.propose import propose
from meshgate.cli.schema.commands.settings import set_
from meshgate.cli.schema.commands.show import show
from meshgate.cli.schema.commands.subjects import list_
from meshgate.cli.schema.commands.usage import usage

__all__ = ["schema"]

_LOCAL, _MESH, _CHANGE = "Before you deploy", "What is in the mesh", "Change it"
_COMMANDS: tuple[tuple[str, str, Callable[..., None]], ...] = (
    (_LOCAL, "check", check),
    (_LOCAL, "lock", lock),
    (_LOCAL, "diff", diff),
    (_MESH, "list", list_),
    (_MESH, "show", show),
    (_MESH, "usage", usage),
    (_LOCAL, "codegen", codegen),
    (_CHANGE, "propose", propose),
    (_CHANGE, "promote", promote),
    (_CHANGE, "set", set_),
)

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


for _panel, _name, _command in _COMMANDS:
    schema.command(_name, help=help_of(_command), rich_help_panel=_panel)(_command)
