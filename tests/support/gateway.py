"""Gateways as processes of their own, for tests: ``python -m tests.support.gateway CONFIG.json``.

The file holds ``{"home": FOLDER, "flags": {...}}``, the flags being settings of ``meshgate.toml``. When the gateway is
ready it prints its ``run.json`` as one line; SIGTERM drains it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from meshgate.gateway.config import load_config
from meshgate.gateway.identity.secrets import load_secrets
from meshgate.gateway.observe.logs import configure_logs
from meshgate.gateway.process.keys import read_shared
from meshgate.gateway.process.server import run_single
from meshgate.gateway.process.supervisor import run_workers
from meshgate.registry.home import Home, Run
from tests.support.patience import patience

__all__ = ["GatewayProcess", "NotUp", "environment"]

ROOT = Path(__file__).parents[2]
_UP_WITHIN = patience(60.0)
_DOWN_WITHIN = patience()


class NotUp(Exception):
    """The gateway did not come up, or did not end well; carries the end of its log."""


def environment() -> dict[str, str]:
    """This process's environment, so that a Python in it runs this tree's code and no setting of the machine's."""
    roots = [str(ROOT / name) for name in ("", "protos", "registry", "sdk", "gateway")]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MESHGATE_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(roots)}


class GatewayProcess:
    """One ``meshgate up`` in a process of its own, with a home of its own.

    Args:
        home: its ``MESHGATE_HOME``; a ``mesh.key`` or ``keys.json`` that stands there already is used.
        flags: settings beside the ports, which are free ones.
    """

    def __init__(self, home: Path, flags: Mapping[str, Any]) -> None:
        self._home = home
        ports = {"port": 0, "grpc_port": 0, "join_port": 0, "admin_port": 0}
        self._config = {"home": str(home), "flags": {**ports, **flags}}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> Path:
        """Its log: what it wrote to stderr."""
        return self._home / "log"

    async def start(self) -> Run:
        """Start it, and return what it announces once it is ready.

        Raises:
            NotUp: it ended, or said nothing in time.
        """
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = self._home / "config.json"
        config.write_text(json.dumps(self._config), "utf-8")
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.support.gateway", str(config)),
                cwd=self._home,
                env=environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        if self._process.stdout is None:
            raise NotUp("the process has no stdout")
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), _UP_WITHIN)
            return msgspec.json.decode(line, type=Run)
        except (TimeoutError, msgspec.MsgspecError):
            await self.stop()
            raise NotUp(f"the gateway did not come up:\n{self.tail()}") from None

    async def stop(self) -> int:
        """Ask it to drain, and return its exit code."""
        if self._process is None:
            return 0
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self._process.wait(), _DOWN_WITHIN)
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace")[-4000:]


def _announce(run: Run) -> None:
    sys.stdout.write(msgspec.json.encode(run).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the gateway of the configuration file until a signal comes."""
    told = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    home = Home(told["home"])
    config = load_config(told["flags"], home=home.path, environ={})
    secrets = load_secrets(home, config, partial(read_shared, config))
    configure_logs()
    run = run_workers if config.workers > 1 else run_single
    asyncio.run(run(config, secrets, home, _announce))


if __name__ == "__main__":
    main()
