"""The process of a mesh: whether the one that ``run.json`` names still runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from meshgate.registry.home import Run

__all__ = ["alive", "is_ours", "probe"]

_SECONDS = 1.0


def alive(pid: int) -> bool:
    """Return true if a process with this id runs. A zombie, which waits for its parent, does not run."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] != "Z"


def is_ours(run: Run) -> bool:
    """Return true if the process of ``run`` is a mesh, not another process that got its id later."""
    if not alive(run.pid):
        return False
    # The admin key belongs to this run, so no other program accepts it. A mesh that hangs shows in its command line.
    return _accepts(run) or "meshgate" in _command_line(run.pid)


def probe(url: str, key: str = "") -> int:
    """The HTTP status of ``url``; 0 if there is no answer within a second."""
    import httpx

    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        return httpx.get(url, headers=headers, timeout=_SECONDS, trust_env=False).status_code
    except (httpx.TransportError, httpx.InvalidURL):
        return 0


def _accepts(run: Run) -> bool:
    return bool(run.admin_key) and probe(f"{run.admin}/api/v1/switches", run.admin_key) == 200


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        pass
    try:
        ps = ["/bin/ps", "-o", "command=", "-p", str(pid)]
        return subprocess.run(ps, capture_output=True, text=True, timeout=_SECONDS, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
