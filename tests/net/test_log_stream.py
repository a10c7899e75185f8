"""Log lines that cannot be written are lost, and nothing else is."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from meshgate.net.log_stream import LogStream

pytestmark = pytest.mark.requirement("registry.degraded")


def test_lines_are_passed_on() -> None:
    out = io.StringIO()
    stream: Any = LogStream(out)
    assert (stream.write("a line\n"), stream.isatty()) == (7, False)
    stream.flush()
    assert out.getvalue() == "a line\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is full")
def test_on_a_full_disk_whoever_logs_goes_on() -> None:
    said = False
    with contextlib.suppress(OSError), Path("/dev/full").open("w", buffering=1) as full:
        with pytest.raises(OSError, match="space"):
            structlog.PrintLogger(full).msg("a line")
        stream = LogStream(full)
        structlog.PrintLogger(cast("Any", stream)).msg("a line")
        stream.flush()
        said = True
    assert said
