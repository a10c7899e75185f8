"""Starts a mesh, in the foreground or detached, and prints its addresses."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshgate.cli.console import err, out
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.launch.flags import arguments_of
from meshgate.cli.launch.process import is_ours
from meshgate.cli.views.banner import key_file_view, keys_view, up_view
from meshgate.registry.extras import REMEDY
from meshgate.registry.home import Home, Run, write_private

if TYPE_CHECKING:
    from rich.console import RenderableType

    from meshgate.gateway.config import Config
    from meshgate.gateway.identity.secrets import Secrets

__all__ = ["start"]

_CHILD = "MESHGATE_DETACHED"
"""The variable that marks the process that ``--detach`` starts."""
_READY = 60.0
_STEP = 0.05


def start(flags: Mapping[str, Any], path: Path | None, *, detach: bool) -> None:
    """Run a mesh with these settings.

    Raises:
        CliError: a setting is wrong, a port is taken, a mesh runs here already, or the extra is not installed.
    """
    home = Home.find()
    child = os.environ.pop(_CHILD, "") == "1"
    _step("loading the gateway")
    try:
        from meshgate.cli.launch.preflight import check_before_start
        from meshgate.gateway.config import ConfigError, load_config
        from meshgate.gateway.identity.secrets import load_secrets
        from meshgate.gateway.process.keys import read_shared
        from meshgate.net.server import PortTaken
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    try:
        _step("reading settings, checking ports, looking for keys")
        config = load_config(flags, home=home.path, path=path)
        _check_free(home)
        check_before_start(config)
        secrets = load_secrets(home, config, partial(read_shared, config))
        if secrets.made:
            out().print(_shown(secrets.made, home), soft_wrap=True)
        if detach:
            _detach(flags, path, home, config)
        else:
            _serve(config, secrets, home, quiet=child)
    except ConfigError as error:
        raise CliError(str(error), Exit.USAGE) from None
    except PortTaken as error:
        raise CliError(str(error)) from None
    except ImportError as error:  # an extra is missing, and the message is the line that installs it
        if "pip install" not in str(error):
            raise
        raise CliError(str(error)) from None


def _step(text: str) -> None:
    """Say on a terminal what takes its time now; a log has better lines."""
    console = err()
    if console.is_terminal:
        console.print(f"{text} ...", style="dim", markup=False, soft_wrap=True)


def _shown(made: Mapping[str, str], home: Home) -> RenderableType:
    """New keys for the terminal; if there is none, they go to a file of the home, and never to a log."""
    if sys.stdout.isatty():
        return keys_view(made)
    path = home.path / "new-keys.json"
    write_private(path, json.dumps(dict(made), indent=2).encode())
    return key_file_view(path)


def _missing(error: ModuleNotFoundError) -> Exception:
    if (error.name or "").partition(".")[0] == "meshgate":
        return error
    return CliError(
        f"a gateway needs more than the base install ({error.name} is missing)",
        Exit.USAGE,
        f"{REMEDY}, or 'meshgate[gateway-core]' for one without gRPC and contracts",
    )


def _check_free(home: Home) -> None:
    run = home.read()
    if run is None:
        return
    if is_ours(run):
        raise CliError(
            f"a mesh already runs from {home.path}: {run.gateway}, process {run.pid}",
            remedy="'meshgate down' ends it; MESHGATE_HOME chooses another home",
        )
    home.remove(run.pid)


def _serve(config: Config, secrets: Secrets, home: Home, *, quiet: bool) -> None:
    from meshgate.gateway.observe.logs import configure_logs
    from meshgate.gateway.process.server import run_single
    from meshgate.gateway.process.supervisor import run_workers

    def announce(run: Run) -> None:
        if not quiet:
            console = out()
            console.print(up_view(run, home.path, detached=False, shown=sys.stdout.isatty()), soft_wrap=True)
            console.file.flush()

    configure_logs()
    what = "a gateway" if config.workers == 1 else f"{config.workers} workers"
    _step(f"starting {what}, with the registry {config.registry or home.path / 'registry.db'}")
    serve = run_workers if config.workers > 1 else run_single
    _run(serve(config, secrets, home, announce))
    if not quiet:
        err().print("stopped")


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)


def _detach(flags: Mapping[str, Any], path: Path | None, home: Home, config: Config) -> None:
    log = home.ensure() / "gateway.log"
    if log.exists():
        log.replace(log.with_name("gateway.log.1"))
    command = [sys.executable, "-m", "meshgate.cli", "up", *arguments_of(flags, path)]
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            env={**os.environ, _CHILD: "1"},
        )
    finally:
        os.close(descriptor)
    run = asyncio.run(_ready(process, home, log))
    view = up_view(run, home.path, detached=True, workers=config.workers, log=log, shown=sys.stdout.isatty())
    out().print(view, soft_wrap=True)
    # The child outlives this process; with a return code set, Popen does not warn about it.
    process.returncode = 0


async def _ready(process: subprocess.Popen[bytes], home: Home, log: Path) -> Run:
    began = time.monotonic()
    with err().status(f"process {process.pid} loads the gateway and opens its ports; its log is {log}"):
        while time.monotonic() - began < _READY:
            run = home.read()
            if run is not None and run.pid == process.pid:
                return run
            code = process.poll()
            if code is not None:
                raise _died(code, log)
            await asyncio.sleep(_STEP)
    process.terminate()
    raise CliError(f"it was not ready within {_READY:g} s", remedy=f"see {log}")


def _died(code: int, log: Path) -> CliError:
    """The error that ended the process, read from its log."""
    lines = log.read_text("utf-8", errors="replace").splitlines()
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    known = Exit(code) if code in set(Exit) else Exit.FAILED
    if said:
        return CliError(said[-1], known)
    return CliError(f"the gateway ended while it started (exit code {code})", known, f"see {log}")
