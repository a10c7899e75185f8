"""``meshgate schema lock``: brings the lock file of an agent's contracts up to date."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from meshgate.cli.console import err
from meshgate.cli.exits import CliError, Exit

if TYPE_CHECKING:
    from meshgate.sdk import Agent

__all__ = ["lock"]


def lock(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="The agent's file or module: agent.py, my.agents.")],
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file is not current.")] = False,
) -> None:
    """Bring the lock file of an agent's contracts up to date, without starting the agent.

    An agent does it by itself when the mesh has accepted its release. The program is imported, so what it does on
    import is done; keep 'agent.run()' under 'if __name__ == "__main__"'.

    \b
    Examples:
      meshgate schema lock agent.py
      meshgate schema lock my.agents --check
    """
    from meshgate.a2a.errors import MeshError

    try:
        with _quiet():
            names = [agent.name for agent in agents_of(load(program)) if agent.lock(check=check)]
    except MeshError as error:
        raise CliError(error.message, Exit.FAILED, reason=error.code) from None
    if not names:
        remedy = 'write Agent("name", contracts="contracts.lock.json")'
        raise CliError(f"{program} has no agent with contracts", Exit.USAGE, remedy)
    done = "are current" if check else "are up to date"
    err().print(f"the contracts of {', '.join(names)} {done}", markup=False)


@contextmanager
def _quiet() -> Generator[None]:
    """Leave out what agents log of their files: the command says it."""
    import structlog

    usual = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        structlog.configure(**usual)


def load(program: str) -> ModuleType:
    """The module of a program: a file's path, or a module's name.

    Raises:
        CliError: it cannot be imported.
    """
    path = Path(program)
    sys.path.insert(0, str(path.parent if path.suffix == ".py" else Path.cwd()))
    if path.suffix == ".py" and not path.is_file():
        raise CliError(f"there is no file {program}", Exit.USAGE, "name the agent's file, or its module")
    try:
        if path.suffix != ".py":
            return importlib.import_module(program)
        return _loaded(path)
    except Exception as error:
        where = f"'python {program}'" if path.suffix == ".py" else f"'python -m {program}'"
        raise CliError(f"{program} cannot be imported: {error}", Exit.USAGE, f"see {where}") from error
    finally:
        del sys.path[0]


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError("it is no Python program")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # annotations are looked up there
    spec.loader.exec_module(module)
    return module


def agents_of(module: ModuleType) -> list[Agent]:
    """The agents that a module has, by name."""
    from meshgate.sdk import Agent

    found = {one.name: one for one in vars(module).values() if isinstance(one, Agent)}
    return [found[name] for name in sorted(found)]
