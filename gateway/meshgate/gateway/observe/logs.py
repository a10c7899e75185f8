"""Logs on standard error: text for people on a terminal, JSON lines anywhere else."""

from __future__ import annotations

import logging
import sys
from typing import TextIO, cast

import structlog

from meshgate.net.log_stream import LogStream

__all__ = ["configure_logs"]


# Tracebacks show no local variables: these hold keys, and what callers sent.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure_logs(level: int = logging.INFO) -> None:
    """Set up structlog for this process, and let the standard library's warnings through it."""
    terminal = sys.stderr.isatty()
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if terminal else "iso", utc=not terminal),
    ]
    last: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer()
    )
    structures: list[structlog.types.Processor] = shared if terminal else [*shared, _TRACEBACKS]
    structlog.configure(
        processors=[*structures, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", LogStream(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=last, foreign_pre_chain=structures))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
