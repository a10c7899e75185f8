"""What each row of ``make faults`` may measure at most (or, where said, at least). The figures are those of the design;
a machine that is busy with other things may take up to three times as long before a row fails.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LIMITS", "SLACK", "Limit"]

SLACK = 3.0
"""Beyond so many times its limit a measurement fails; between once and this it is SLOW. A limit of 0 is exact."""


@dataclass(frozen=True)
class Limit:
    """One limit.

    Args:
        value: in ``unit``.
        least: the measurement must be no smaller, instead of no greater.
    """

    value: float
    unit: str = ""
    least: bool = False


def _none() -> Limit:
    return Limit(0)


LIMITS: dict[str, dict[str, Limit]] = {
    # -- hostile bytes
    "F5": {
        "not_refused": _none(),  # of 100 MB with a length, 100 MB in chunks, and 50 such at once
        "read_past_limit": Limit(64 + 256, "KiB"),  # the loop reads a socket in pieces of 256 KiB
        "memory_one": Limit(8, "MiB"),
        "memory_fifty": Limit(250, "MiB"),
    },
    "F6": {"not_refused": _none(), "answer_ms": Limit(20, "ms")},
    "F7": {"not_refused": _none(), "stall_ms": Limit(50, "ms")},
    "F8": {"sent_on_wrong": _none()},
    "F9": {"not_refused": _none(), "broken_log_lines": _none()},
    "F10": {"not_refused": _none(), "calls_counted": _none(), "answer_ms": Limit(50, "ms")},
    "F14": {
        "wrong_answers": _none(),
        # aiohttp reads ahead by two of its buffers, which hold one event; the loop by a piece of 256 KiB.
        "taken_unary": Limit(16 + 2.5, "MiB"),
        "taken_event": Limit(1 + 2.5, "MiB"),
        "memory": Limit(64, "MiB"),
    },
    "F17": {"leaked": _none(), "underscores_taken": _none()},
    # -- agents
    "F31": {"send_errors": Limit(7), "last_error_ms": Limit(100, "ms"), "get_errors": _none()},
    "F34": {"amplification": Limit(1.10), "local_p99_ms": Limit(10, "ms"), "probes_over": _none()},
    "F35": {
        "get_errors": _none(),
        "send_errors": Limit(7),
        "other_than_unknown": _none(),
        "late_errors": _none(),
    },
    "F36": {
        "get_errors": _none(),
        "slowest_get_ms": Limit(1500, "ms"),
        "other_than_unknown": _none(),
        "sent_there_late": _none(),
        "late_errors": _none(),
        "back_s": Limit(5, "s"),
    },
    "F43": {"probe_errors": Limit(7), "at_once": Limit(10), "full_share_s": Limit(2, "s")},
    "F48": {"cancelled_ms": Limit(100, "ms"), "not_cancelled": _none(), "tasks_lost": _none()},
    "F49": {"sent_again": _none(), "not_said_unknown": _none()},
    # -- registry
    "F50": {
        "errors": _none(),
        "stale_s": Limit(0.5, "of the outage", least=True),
        "not_ready": _none(),
        "recovery_s": Limit(5, "s"),
        "evicted": _none(),
    },
    "F51": {
        "errors": _none(),
        "stale_s": Limit(1, "s", least=True),
        "new_connections": Limit(10),
        "new_threads": Limit(4),
        "recovery_s": Limit(5, "s"),
        "evicted": _none(),
    },
    "F52": {
        "serves_s": Limit(2, "s"),
        "errors": _none(),
        "no_snapshot_wrong": _none(),
        "evicted": _none(),
        "evicted_by_restart": _none(),
        "errors_after_restart": _none(),
    },
    "F53": {"errors": _none(), "evicted": _none(), "full_view_s": Limit(90, "s")},
    "F54": {
        "errors": _none(),
        # A server that was the leader itself says that there is none when a blocking query ends, after 30 s.
        "stale_s": Limit(1, "s", least=True),
        "recovery_s": Limit(5, "s"),
        "evicted": _none(),
    },
    "F58": {"connections": Limit(16), "more_for_agents": _none()},
    # -- the mesh
    "F73": {"not_refused": _none(), "extra_calls": Limit(1), "no_path_or_price": _none()},
    "F74": {
        "calls": Limit(256),
        "at_once": Limit(64),
        "not_named": _none(),
        "cancelled_s": Limit(5, "s"),
        "others_errors": _none(),
        # A gateway is one loop: 250 calls that come at once take it this long, whoever waits behind them.
        "others_p99_ms": Limit(150, "ms"),
    },
}
"""Limits by row of docs/FAULTS and metric."""
