"""Log lines of an agent: for people on a terminal, else JSON; each carries the job and the call it belongs to."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog
from structlog.typing import Processor

from meshgate.net.log_stream import LogStream
from meshgate.sdk.current import CURRENT

__all__ = ["add_call", "configure"]


def add_call(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor that adds ``job`` and ``call`` to lines that are written while a call is served."""
    serving = CURRENT.get()
    if serving is not None:
        if serving.job:
            event.setdefault("job", serving.job)
        if serving.call_id:
            event.setdefault("call", serving.call_id)
    return event


def configure(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Set up structlog, and the standard library's logging, unless the author has done so.

    Args:
        stream: where lines go; else standard error.
        level: the least that is written.
    """
    out = stream or sys.stderr
    shared: list[Processor] = [
        add_call,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Plain tracebacks: the rich ones show local variables, and those hold keys.
    final: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if out.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    if not structlog.is_configured():
        structlog.configure(
            processors=[*shared, *final],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            logger_factory=structlog.PrintLoggerFactory(cast("TextIO", LogStream(out))),
        )
    if not logging.getLogger().handlers:
        _configure_standard_logging(out, level, shared, final)


def _configure_standard_logging(out: TextIO, level: int, shared: list[Processor], final: list[Processor]) -> None:
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared], processors=[strip, *final]
        )
    )
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    for chatty in ("uvicorn", "httpx"):  # a line for each request, and a renewal is one every few seconds
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
