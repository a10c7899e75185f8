"""The command line: the list of commands, and the one line and exit code that every failure becomes."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from meshgate.cli.commands.agents import agents
from meshgate.cli.commands.call import call
from meshgate.cli.commands.deregister import deregister
from meshgate.cli.commands.doctor import doctor
from meshgate.cli.commands.down import down
from meshgate.cli.commands.drain import drain
from meshgate.cli.commands.explain import explain
from meshgate.cli.commands.jobs import job, jobs
from meshgate.cli.commands.kill import kill
from meshgate.cli.commands.register import register
from meshgate.cli.commands.up import up
from meshgate.cli.commands.version import show_version, version
from meshgate.cli.console import err, fail_line, show_warning
from meshgate.cli.exits import CliError, Exit, from_mesh
from meshgate.cli.help import help_of
from meshgate.cli.schema.app import schema

__all__ = ["app", "main"]

_USE, _RUN, _LOOK, _RULE = "Call agents", "Run a mesh", "See what is there and what happened", "Change the mesh"
_AGREE = "Keep what skills promise"
_COMMANDS: tuple[tuple[str, Callable[..., None]], ...] = (
    (_RUN, up),
    (_RUN, down),
    (_RUN, doctor),
    (_USE, call),
    (_LOOK, agents),
    (_LOOK, job),
    (_LOOK, jobs),
    (_LOOK, explain),
    (_RULE, register),
    (_RULE, deregister),
    (_RULE, kill),
    (_RULE, drain),
    (_LOOK, version),
)

app = typer.Typer(
    name="meshgate",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def top(
    _: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Meshgate: the gateway and mesh for agents that speak A2A.

    \b
    A first round, on one machine:
      meshgate up -d                   start a mesh in the background
      python my_agent.py               agents find it by themselves
      meshgate call summariser "..."   call one
      meshgate job last                see where the call went
      meshgate down                    stop it

    \b
    Exit codes:
      0 done   1 failed   2 usage   3 unreachable   4 denied   5 limit reached
    """


for _panel, _command in _COMMANDS:
    app.command(help=help_of(_command), rich_help_panel=_panel)(_command)
app.add_typer(schema, name="schema", rich_help_panel=_AGREE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code. A bug shows its traceback only with ``MESHGATE_DEBUG=1``."""
    command: Any = typer.main.get_command(app)
    warnings.showwarning = show_warning
    try:
        given = None if arguments is None else list(arguments)
        code = command.main(args=given, prog_name="meshgate", standalone_mode=False)
        return int(code) if isinstance(code, int) else Exit.DONE
    except BrokenPipeError:
        # The reader of the output has closed it; the null device takes what would be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("MESHGATE_DEBUG") == "1":
            raise
        return _ended(error)


def _ended(error: BaseException) -> int:
    """Print what went wrong, and return the exit code."""
    shown = _cli_error(error)
    if shown is None:
        return Exit.USAGE
    err().print(fail_line(shown), soft_wrap=True)
    return shown.code


def _cli_error(error: BaseException) -> CliError | None:
    from meshgate.a2a.errors import MeshError
    from meshgate.registry.home import HomeError

    if isinstance(error, CliError):
        return error
    if isinstance(error, MeshError):
        return from_mesh(error)
    if isinstance(error, HomeError):
        return CliError(str(error))
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        return CliError("interrupted", Exit.INTERRUPTED)
    message = getattr(error, "format_message", None)
    if callable(message):
        return _usage(error, str(message()))
    bug = f"{type(error).__name__}: {error}"
    return CliError(f"this is a bug in meshgate: {bug}", remedy="MESHGATE_DEBUG=1 shows where; please report it")


def _usage(error: BaseException, message: str) -> CliError | None:
    """The parser's error about a command line; None if the parser has shown the help instead."""
    if not message:
        return None
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "meshgate")
    return CliError(message.rstrip("."), Exit.USAGE, f"'{path} --help' shows how")
