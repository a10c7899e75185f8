"""What each row of ``make faults`` may measure at most (or, where said, at least). The figures are those of the design.

Every limit has a unit, and every unit is of one kind. A machine that is busy with other things takes longer, so a time
has slack. Such a machine makes no more calls, tries or bytes, so counts, ratios and sizes are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["LIMITS", "RETRY_BUDGET", "RETRY_CALLS", "SLACK", "SOAK", "UNITS", "Kind", "Limit"]

SLACK = 3.0
"""A time up to so many times its limit is SLOW; beyond that it fails."""

Kind = Literal["time", "count", "ratio", "size"]
"""What a unit measures. Only a time has slack."""

UNITS: dict[Kind, tuple[str, ...]] = {
    "time": ("ms", "s"),
    "count": (
        *("answers", "calls", "connections", "headers", "instances", "lines", "probes", "requests"),
        *("streams", "tasks", "threads", "tries"),
    ),
    "ratio": ("of the budget", "of the outage", "of the start", "tries per call"),
    "size": ("KiB", "MiB"),
}
"""The units of each kind."""

_KINDS: dict[str, Kind] = {unit: kind for kind, units in UNITS.items() for unit in units}


@dataclass(frozen=True)
class Limit:
    """One limit.

    Args:
        value: in ``unit``.
        unit: one of ``UNITS``.
        least: the measurement must be no smaller, instead of no greater.
    """

    value: float
    unit: str
    least: bool = False

    @property
    def kind(self) -> Kind:
        """What it limits: the kind of its unit."""
        return _KINDS[self.unit]


def _none(unit: str) -> Limit:
    return Limit(0, unit)


RETRY_CALLS = 1200
"""Calls of F34's run, which all lie within one window of the retry budget."""
RETRY_BUDGET = 0.2 * RETRY_CALLS + 5 * 10
"""Retries that are allowed for so many calls in a window of ten seconds: a fifth of them, and five for each second."""


LIMITS: dict[str, dict[str, Limit]] = {
    # -- hostile bytes
    "F5": {
        "not_refused": _none("requests"),  # of 100 MB with a length, 100 MB in chunks, and 50 such at once
        "read_past_limit": Limit(64 + 256, "KiB"),  # the loop reads a socket in pieces of 256 KiB
        "memory_one": Limit(8, "MiB"),
        "memory_fifty": Limit(250, "MiB"),
    },
    "F6": {"not_refused": _none("requests"), "answer_ms": Limit(20, "ms")},
    "F7": {"not_refused": _none("requests"), "stall_ms": Limit(50, "ms")},
    "F8": {"sent_on_wrong": _none("requests")},
    "F9": {"not_refused": _none("requests"), "broken_log_lines": _none("lines")},
    "F10": {"not_refused": _none("requests"), "calls_counted": _none("calls"), "answer_ms": Limit(50, "ms")},
    "F14": {
        "wrong_answers": _none("answers"),
        # aiohttp reads ahead by two of its buffers, which hold one event; the loop by a piece of 256 KiB.
        "taken_unary": Limit(16 + 2.5, "MiB"),
        "taken_event": Limit(1 + 2.5, "MiB"),
        "memory": Limit(64, "MiB"),
    },
    "F17": {"leaked": _none("headers"), "underscores_taken": _none("requests")},
    # -- agents
    "F31": {
        # Five failures open the breaker, and its back-offs of 1 s and 2 s leave room for two probes in five seconds.
        "send_errors": Limit(7, "calls"),
        "last_error_ms": Limit(100, "ms"),
        "get_errors": _none("calls"),
    },
    "F34": {
        "tries_per_call": Limit((RETRY_CALLS + RETRY_BUDGET) / RETRY_CALLS, "tries per call"),
        "budget_used": Limit(0.95, "of the budget", least=True),  # else the budget was not what held the tries back
        "not_forwarded": _none("calls"),
        "local_p99_ms": Limit(10, "ms"),
        "probes_over": _none("probes"),
    },
    "F35": {
        "get_errors": _none("calls"),
        "send_errors": Limit(7, "calls"),
        "other_than_unknown": _none("calls"),
        "late_errors": _none("calls"),
    },
    "F36": {
        "get_errors": _none("calls"),
        "slowest_get_ms": Limit(1500, "ms"),
        "other_than_unknown": _none("calls"),
        "sent_there_late": _none("calls"),
        "late_errors": _none("calls"),
        "back_s": Limit(5, "s"),
    },
    "F43": {"probe_errors": Limit(2, "calls"), "at_once": Limit(10, "tries"), "full_share_s": Limit(2, "s")},
    "F48": {"cancelled_ms": Limit(100, "ms"), "not_cancelled": _none("calls"), "tasks_lost": _none("tasks")},
    "F49": {"sent_again": _none("tries"), "not_said_unknown": _none("answers")},
    # -- registry
    "F50": {
        "errors": _none("calls"),
        "stale_share": Limit(0.5, "of the outage", least=True),
        "not_ready": _none("answers"),
        "recovery_s": Limit(5, "s"),
        "evicted": _none("instances"),
    },
    "F51": {
        "errors": _none("calls"),
        "stale_s": Limit(1, "s", least=True),
        "new_connections": Limit(10, "connections"),
        "new_threads": Limit(4, "threads"),
        "recovery_s": Limit(5, "s"),
        "evicted": _none("instances"),
    },
    "F52": {
        "serves_s": Limit(2, "s"),
        "errors": _none("calls"),
        "no_snapshot_wrong": _none("answers"),
        "evicted": _none("instances"),
        "evicted_by_restart": _none("instances"),
        "errors_after_restart": _none("calls"),
    },
    "F53": {"errors": _none("calls"), "evicted": _none("instances"), "full_view_s": Limit(90, "s")},
    "F54": {
        "errors": _none("calls"),
        # A server that was the leader itself says that there is none when a blocking query ends, after 30 s.
        "stale_s": Limit(1, "s", least=True),
        "recovery_s": Limit(5, "s"),
        "evicted": _none("instances"),
    },
    "F58": {"connections": Limit(16, "connections"), "more_for_agents": _none("connections")},
    # -- the mesh
    "F73": {"not_refused": _none("calls"), "extra_calls": Limit(1, "calls"), "no_path_or_price": _none("answers")},
    "F98": {
        "extra_visits": _none("calls"),
        "not_refused": _none("calls"),
        "visits_in_a_crowd": Limit(64, "calls"),
        "not_counted": _none("calls"),
    },
    "F100": {
        "evicted": _none("instances"),
        "errors": _none("calls"),
        "acknowledged": _none("answers"),
        "not_named": _none("answers"),
        "recovery_s": Limit(5, "s"),
        "lost_with_the_file": _none("calls"),
        "not_in_force": _none("answers"),
    },
    "F101": {"lost": _none("calls"), "not_in_force": _none("answers"), "not_counted": _none("answers")},
    "F102": {
        "wrong_answers": _none("answers"),
        # Nothing of these bodies is parsed: what is left is the head, and bytes that are dropped.
        "cpu_made_up": Limit(0.1, "of the budget"),
        "cpu_genuine": Limit(1, "of the budget"),
        "loop_held_ms": Limit(30, "ms"),
    },
    "F106": {
        "taken": _none("instances"),
        "secrets_shared": _none("answers"),
        "owner_locked_out": _none("answers"),
    },
    "F107": {"shared": _none("answers")},
    "F108": {
        "over_budget": _none("calls"),
        "not_rate_limited": _none("answers"),
        "memory": Limit(15, "MiB"),
        "file_grew": Limit(2, "MiB"),
    },
    "F105": {
        "not_named": _none("answers"),
        "cpu": Limit(1, "of the budget"),
        "largest_error": Limit(24, "KiB"),
        "kept": Limit(15, "MiB"),
    },
    "F109": {"ends_s": Limit(4, "s"), "not_told": _none("streams"), "without_task": _none("streams")},
    "F111": {
        "not_unknown": _none("answers"),
        "passed_on": _none("answers"),
        "not_counted": _none("answers"),
        "answered_ms": Limit(250, "ms"),
    },
    "F110": {
        "cut_off_while_healthy": _none("streams"),
        "not_said_unknown": _none("answers"),
        "ends_after_second_miss_s": Limit(1.5, "s"),
    },
    "F112": {"not_as_it_was": _none("answers"), "others_refused": _none("calls")},
    "F113": {
        "wrong_answers": _none("answers"),
        "no_answers": _none("answers"),
        "open_calls": _none("calls"),
        "open_files": Limit(1.05, "of the start"),
        "memory": Limit(1.05, "of the start"),
    },
    "F99": {"refused": _none("calls"), "wrong_job": _none("calls")},
    "F74": {
        "calls": Limit(256, "calls"),
        "at_once": Limit(64, "calls"),
        "not_named": _none("answers"),
        "cancelled_s": Limit(5, "s"),
        "others_errors": _none("calls"),
        # A gateway is one loop, and answers 2,500 refusals meanwhile. This is no ratio to the time alone, because
        # agents, callers and gateway share the machine's cores: between one run and the next that ratio is 2 to 9.
        "others_p99_ms": Limit(150, "ms"),
    },
}
"""Limits by row and metric."""

SOAK = "F113"
"""The row that ``tests.faults.soak`` measures, and nothing else does."""
