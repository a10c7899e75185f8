"""The gateway under measurement: ``meshgate up`` with everything on, and one foreign agent behind it."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import msgspec

from meshgate.gateway.config import load_config
from meshgate.gateway.identity.secrets import load_secrets
from meshgate.gateway.observe.logs import configure_logs
from meshgate.gateway.process.server import run_single
from meshgate.registry.home import Home, Run


def main() -> None:
    """Serve with the home in the first argument; prints the data port and then run.json on one line."""
    home = Home(Path(sys.argv[1]))
    free = {"port": 0, "grpc_port": 0, "join_port": 0, "admin_port": 0}
    # One caller sends all the load, so its limit is above what one process can do; everything else is as it comes.
    wide = {"limits": {"rate": 1e6, "burst": 1_000_000}}
    config = load_config({**free, **wide}, home=home.path, environ={})
    secrets = load_secrets(home, config)
    configure_logs()

    def announce(run: Run) -> None:
        print(run.gateway.rpartition(":")[2], msgspec.json.encode(run).decode().replace(" ", ""), flush=True)

    import uvloop

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(run_single(config, secrets, home, announce))


if __name__ == "__main__":
    main()
