#!/usr/bin/env python3
"""Writes docs/limits.md from the code that holds the limits, or, with --check, says whether the page is current.

A value's meaning is the docstring under it. A limit that is given no place or no unit here is an error, so that none is
left out.      usage: tools/limits.py [--check]
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from constants import FIXED, NO_LIMITS
from numbers_found import Number, numbers, shown

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "limits.md"
LIMITS = ROOT / "sdk/meshgate/a2a/limits.py"
CONFIG = ROOT / "gateway/meshgate/gateway/config.py"

GROUPS: dict[str, str] = {
    "Time of a call and of a job": "deadline max_deadline job_seconds grace",
    "A job's budget": "job_calls job_concurrency depth lease_calls lease_patience peer_patience peer_answer",
    "Watched tasks": "watch_backlog",
    "Lists of tasks": "known_tasks known_task_seconds task_read task_page",
    "Cards": "extended_cards extended_card_seconds",
    "Push notifications": "push_tasks push_own_tasks push_seconds push_timeout push_connections",
    "Lineage": "agent_tasks agent_recent recent_calls agent_roots agent_roots_burst clock_skew",
    "Sizes": "body event answer json_depth json_nodes header_bytes header_count body_seconds",
    "Connections": (
        "connections backlog streams idle client_idle agent_idle agent_lost connect agent_connect grpc_channels"
    ),
    "Schemas": (
        "schema_bytes schema_files schema_types schema_depth schema_fields schema_pattern schema_patterns schema_cel "
        "schema_releases schema_images schema_reasons schema_json schema_memory schema_disk "
        "mediation_depth mediation_violations mediation_values mediation_inline mediation_threads "
        "mediation_cost mediation_result mediation_steps "
        "mediation_ways mediation_wait usage_rows usage_fields"
    ),
    "Rate and load": "rate burst rate_keys search_rate search_burst concurrency",
    "Retries": "retry_attempts retry_pause retry_ratio retry_floor retry_window retry_after",
    "Breaker": (
        "breaker_failures breaker_ratio breaker_window breaker_volume breaker_backoff breaker_backoff_max "
        "breaker_jitter"
    ),
    "Silence and health": (
        "silence silence_max patience health_timeout health_misses foreign_health loop_stall "
        "heartbeat agent_heartbeat stream_silence stream_linger"
    ),
    "Membership and drain": (
        "lease join_rate join_burst join_wait switch_wait join_retry join_retry_max "
        "drain drain_last drain_notice drain_idle"
    ),
    "A registry that loses instances": "hold_down hold_down_share hold_down_window hold_down_floor hold_down_grace",
    "What nobody uses any more": "orphan_seconds orphan_look lasting_absent",
    "Agents of the settings": "card_seconds card_refresh card_retry",
    "Workers": "worker_start worker_restart worker_restart_max worker_deaths worker_deaths_window",
    "Tasks of an SDK agent": (
        "tasks task_seconds tasks_open skill_threads task_turns task_wait task_backlog task_poll task_lock "
        "cancel_seconds cancel_poll"
    ),
    "Records, traces and metrics": (
        "records record_seconds job_records traces traces_beyond tracestate "
        "span_items span_text span_queue span_close "
        "metric_agents"
    ),
}
BYTES = frozenset(
    {
        "task_page",
        *("body", "event", "answer", "header_bytes", "mediation_cost", "mediation_result", "mediation_inline"),
        *("schema_bytes", "schema_json", "schema_memory", "schema_disk"),
    }
)
NUMBERS = """
job_calls job_concurrency depth json_depth json_nodes header_count streams connections rate burst concurrency
retry_attempts retry_ratio retry_floor breaker_failures breaker_ratio breaker_volume breaker_jitter tasks tasks_open
skill_threads
known_tasks watch_backlog extended_cards push_tasks push_own_tasks push_connections
search_rate search_burst
task_turns task_backlog records job_records agent_tasks agent_recent recent_calls agent_roots agent_roots_burst
join_rate join_burst
traces traces_beyond tracestate span_items span_text
span_queue metric_agents
schema_files schema_types schema_depth schema_fields schema_pattern schema_patterns schema_cel schema_releases
schema_images
mediation_depth mediation_violations mediation_values mediation_threads mediation_steps mediation_ways usage_rows
usage_fields lease_calls backlog grpc_channels schema_reasons rate_keys health_misses hold_down_share hold_down_floor
worker_deaths
"""
"""Limits that are neither sizes in bytes nor times."""

INTRO = """\
# Limits and settings

`tools/limits.py` makes this page from the code; `make check` fails when it is not current. Write a size in bytes and a
time in seconds.

## Where a setting comes from
`meshgate up` takes a setting from the first of these that has it: a flag, the environment, `meshgate.toml`, the
default. The file is the one that `--config` names, else `meshgate.toml` in the working folder, else the one in
`$MESHGATE_HOME`; only one file is read. A key that is not known is refused, and the error names the nearest known one.
The same holds for an environment variable that begins with `MESHGATE_`.

| written as | for the port | for a limit |
|---|---|---|
| flag | `--port 9000` | `--limit deadline=30` |
| environment | `MESHGATE_PORT=9000` | `MESHGATE_LIMITS_DEADLINE=30` |
| `meshgate.toml` | `port = 9000` | `deadline = 30` under `[limits]` |

`consul_token` and `agents` have no flag, and `agents` has no variable; `agent_networks` is `--agent-network`, once for
each.

All gateways of a mesh should have the same limits: a rate is divided among them, and the gateway where a job began
decides its budget. An SDK agent takes its own from `Agent(..., limits=Limits(...))`, a client from `Mesh(limits=...)`;
both are `meshgate.a2a.limits.Limits`.
"""

LIMITS_INTRO = """\
Each is above 0: nothing is without a limit. `tracestate`, the `json_depth` and `json_nodes` of answers, and the
`retry_after` of an error that an agent answers with always have their defaults: the code that reads them is not given
the settings."""

FIXED_INTRO = """\
Limits without a setting: one belongs to a form that all gateways, agents and registries share, or the code that reads
it is given no settings (the parsers of names, and the command line)."""

NO_LIMITS_INTRO = """\
Nobody runs into these. `make check` fails on a number of the product that bounds something and stands in no table of
this page; `tools/numbers_found.py` says which numbers that are."""

VARIABLES = {
    "MESHGATE_HOME": "The folder of the mesh on this machine; `~/.meshgate` if not set.",
    "MESHGATE_URL": "The gateways that a client calls through, separated by commas.",
    "MESHGATE_KEY": "The client key.",
    "MESHGATE_JOIN_URL": "The join ports that an agent registers at, separated by commas.",
    "MESHGATE_JOIN_KEY": "The join key.",
    "MESHGATE_ADMIN_URL": "The admin port that the command line asks.",
    "MESHGATE_ADMIN_KEY": "The admin key.",
    "MESHGATE_MESH_KEY": "The mesh key of a gateway, in base64, instead of `mesh.key` in the home.",
    "MESHGATE_CONTRACTS": "`frozen`: an agent refuses to start when its lock file is not current ([more](schemas.md)).",
    "MESHGATE_OTLP": "Where an SDK agent sends its spans; a gateway reads it as its setting `otlp`.",
    "MESHGATE_DEBUG": "`1`: the command line shows tracebacks.",
    "MESHGATE_CACHE": "The folder where the tests keep the servers that they fetch or build.",
}
"""Environment variables that are not only settings of a gateway."""
INTERNAL = frozenset({"MESHGATE_DETACHED", "MESHGATE_DOMAIN"})
"""Names that are no settings: those that a process sets for its own child, and a constant of that form."""


class Field(NamedTuple):
    """One documented value."""

    name: str
    value: str
    """The default as it is written, "" if there is none."""
    text: str


def _documented(body: list[ast.stmt]) -> list[Field]:
    found: list[Field] = []
    for here, following in zip(body, [*body[1:], ast.Pass()], strict=True):
        text = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            text = " ".join(str(following.value.value).split())
        match here:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found.append(Field(name, ast.unparse(value), text))
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.append(Field(name, "", text))
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.append(Field(name, ast.unparse(value), text))
            case _:
                pass
    return found


def documented(source: str, cls: str = "") -> list[Field]:
    """The values of a module, or the fields of a class in it, each with the docstring under it."""
    body = ast.parse(source).body
    if not cls:
        return _documented(body)
    return _documented(next(node.body for node in body if isinstance(node, ast.ClassDef) and node.name == cls))


def fields(source: Path, cls: str) -> list[Field]:
    """The fields of a class with their defaults and docstrings."""
    return documented(source.read_text("utf-8"), cls)


def number(expression: str) -> float:
    """The value of products of numbers, as the code writes sizes."""
    product = 1.0
    for factor in expression.split("*"):
        product *= float(factor)
    return product


def amount(expression: str, unit: str) -> str:
    """A value for people: 4 MiB, 60 s, 10,000."""
    value = number(expression)
    if unit == "bytes":
        for size, name in ((1024 * 1024, "MiB"), (1024, "KiB")):
            if value >= size and value % size == 0:
                return f"{value / size:g} {name}"
        return f"{value:g} bytes"
    text = f"{value:,.0f}" if value == int(value) else f"{value:g}"
    return f"{text} {unit}".strip()


def plain(text: str) -> str:
    """A docstring as Markdown."""
    return text.replace("``", "`").replace("|", "\\|")


def limits() -> list[str]:
    """The limits, in groups."""
    known = {field.name: field for field in fields(LIMITS, "Limits")}
    placed = [name for names in GROUPS.values() for name in names.split()]
    if sorted(placed) != sorted(known):
        raise SystemExit(f"tools/limits.py: groups and Limits differ: {sorted(set(placed) ^ set(known))}")
    lines = ["## Limits", LIMITS_INTRO, ""]
    for title, names in GROUPS.items():
        lines += [f"### {title}", "", "| limit | default | meaning |", "|---|---|---|"]
        for name in names.split():
            field = known[name]
            unit = "bytes" if name in BYTES else "" if name in NUMBERS.split() else "s"
            lines.append(f"| `{name}` | {amount(field.value, unit)} | {_meaning(field)} |")
        lines.append("")
    return lines


def _meaning(field: Field) -> str:
    if not field.text:
        raise SystemExit(f"{field.name} has no docstring that says what it means")
    return plain(field.text)


def fixed(found: Mapping[str, Number]) -> list[str]:
    """The limits that cannot be set."""
    lines = ["## What is fixed", FIXED_INTRO, "", "| what | value | meaning |", "|---|---|---|"]
    for place, unit, text in FIXED:
        one = found[place]
        meaning = plain(text) if text else _meaning(Field(one.name, "", one.text))
        lines.append(f"| `{_short(one).partition(': ')[0]}` | {amount(shown(one.value[0]), unit)} | {meaning} |")
    return [*lines, ""]


def no_limits(found: Mapping[str, Number]) -> list[str]:
    """The constants that are no limits, and why."""
    lines = ["## Constants that are no limits", NO_LIMITS_INTRO, "", "| why it is no limit | constants |", "|---|---|"]
    for reason, places in NO_LIMITS.items():
        told = ", ".join(f"`{_short(found[place])}`" for place in _places(places))
        lines.append(f"| {reason} | {told} |")
    return [*lines, ""]


def _short(one: Number) -> str:
    """A number's name with its module's; ``cli.call.call: 0.001`` of one in a function's body."""
    folder, _, module = one.path.removesuffix(".py").rpartition("/")
    return f"{module if module != '__main__' else folder}.{one.name.lstrip('_').replace(', _', ', ')}"


def _places(lines: str) -> list[str]:
    pairs = [line.strip().partition(": ") for line in lines.strip().splitlines()]
    return [f"{path}: {name.strip()}" for path, _, names in pairs for name in names.split(";")]


def listed(found: Mapping[str, Number]) -> None:
    """Fail unless each number that bounds something has one place in ``tools/constants.py``."""
    places = [*(place for place, _, _ in FIXED), *(one for lines in NO_LIMITS.values() for one in _places(lines))]
    problems = {
        "are listed twice": [place for place, count in Counter(places).items() if count > 1],
        "are listed and not there": [place for place in places if place not in found],
        "are neither a field of Limits nor listed": [place for place in found if place not in set(places)],
    }
    told = [f"these numbers {what}: {'; '.join(sorted(which))}" for what, which in problems.items() if which]
    if told:
        raise SystemExit("\n".join(f"tools/constants.py: {one}" for one in told))


def settings() -> list[str]:
    """The settings of a gateway."""
    lines = ["## Settings of `meshgate up`", "", "| setting | default | meaning |", "|---|---|---|"]
    lines += [f"| `{one.name}` | {_default(one)} | {_meaning(one)} |" for one in fields(CONFIG, "Config")]
    lines += ["", "A table `[[agents]]` has these keys:", "", "| key | default | meaning |", "|---|---|---|"]
    lines += [f"| `{one.name}` | {_default(one)} | {_meaning(one)} |" for one in fields(CONFIG, "ForeignAgent")]
    return [*lines, ""]


def _default(field: Field) -> str:
    if not field.value:
        return "needed"
    value = {} if field.value == "Limits()" else ast.literal_eval(field.value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ("", (), {}):
        return "-"
    return ", ".join(f"`{one}`" for one in value) if isinstance(value, tuple) else f"`{value}`"


def environment() -> list[str]:
    """The environment variables; one that the product reads and nobody explains is an error."""
    explained = {*VARIABLES, *INTERNAL, *(f"MESHGATE_{one.name.upper()}" for one in fields(CONFIG, "Config"))}
    files = [path for root in ("sdk", "registry", "gateway") for path in (ROOT / root).rglob("*.py")]
    read = {name for path in files for name in re.findall(r'"(MESHGATE_[A-Z_]+)"', path.read_text("utf-8"))}
    if read - explained:
        raise SystemExit(f"tools/limits.py: VARIABLES lacks {sorted(read - explained)}")
    title = "## Environment variables of agents, clients and the command line"
    lines = [title, "", "| variable | meaning |", "|---|---|"]
    return [*lines, *(f"| `{name}` | {text} |" for name, text in VARIABLES.items()), ""]


def page() -> str:
    """The whole page."""
    found = numbers()
    listed(found)
    parts = [INTRO, *settings(), *environment(), *limits(), *fixed(found), *no_limits(found)]
    return "\n".join(parts).rstrip() + "\n"


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text, "utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text("utf-8") == text:
        return 0
    print("docs/limits.md is not what the code says: run tools/limits.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
