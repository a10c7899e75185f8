"""The command line: the list of commands, and the one line and exit code that every failure becomes."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from meshgate.cli.command_table import COMMANDS, OVERVIEW, Listed
from meshgate.cli.console import err, fail_line, show_warning
from meshgate.cli.exits import CliError, Exit, from_mesh
from meshgate.cli.help import help_of
from meshgate.cli.parameters import convert_only_what_needs_it

__all__ = ["main", "make_app"]

_NAMES = frozenset(one.name for one in COMMANDS)
_HELP = ("-h", "--help")


def _show_version(wanted: bool) -> None:
    if wanted:
        from meshgate.cli.commands.about import print_version

        print_version()
        raise typer.Exit


def top(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The options of ``meshgate`` itself; ``OVERVIEW`` is its help."""


def make_app(commands: Iterable[Listed] = COMMANDS, *, listed: bool = False) -> typer.Typer:
    """The command line.

    Args:
        commands: those that it has.
        listed: it can only list its commands, by name and summary, and imports none of them.
    """
    app = typer.Typer(
        name="meshgate",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": list(_HELP)},
    )
    app.callback(help=OVERVIEW)(top)
    for one in commands:
        if listed:
            app.command(one.name, help=one.summary, rich_help_panel=one.panel)(_nothing)
            continue
        found: Any = getattr(importlib.import_module(one.module), one.name)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=one.name, rich_help_panel=one.panel)
        else:
            app.command(one.name, help=help_of(found), rich_help_panel=one.panel)(found)
    return app


def _nothing() -> None:
    """The place of a command in a list."""


def _app_for(arguments: Sequence[str]) -> typer.Typer:
    """The part of the command line that these arguments need."""
    word = arguments[0] if arguments else ""
    if "_MESHGATE_COMPLETE" in os.environ:  # a shell completes a line; typer reads it from the environment
        return make_app()
    if word in _NAMES:
        return make_app([one for one in COMMANDS if one.name == word])
    return make_app(listed=not word.startswith("-"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code. A bug shows its traceback only with ``MESHGATE_DEBUG=1``."""
    warnings.showwarning = show_warning
    convert_only_what_needs_it()
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        command: Any = typer.main.get_command(_app_for(given))
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
    from meshgate.registry.home import HomeError, disk_fault

    if isinstance(error, CliError):
        return error
    if isinstance(error, MeshError):
        return from_mesh(error)
    if isinstance(error, HomeError):
        return CliError(str(error))
    if isinstance(error, OSError) and error.filename is not None:
        return CliError(str(disk_fault(error, os.fsdecode(error.filename))))
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
