"""What people read, letter by letter, at 80 columns and without colour."""

import io
from datetime import UTC
from pathlib import Path

import msgspec
import pytest
from rich.console import Console, RenderableType

from meshgate.cli.commands.doctor import findings_view
from meshgate.cli.console import fail_line, out
from meshgate.cli.doctor.findings import Finding
from meshgate.cli.exits import CliError
from meshgate.cli.views.banner import curl_line, key_file_view, keys_view, up_view
from meshgate.cli.views.job_tree import job_view
from meshgate.cli.views.model import Agent, Explanation, InstanceView, Job, Switch, Tree
from meshgate.cli.views.tables import (
    agents_table,
    explanation_view,
    instances_table,
    jobs_table,
    seconds,
    switches_table,
)
from meshgate.registry.home import Run

READY = InstanceView("a-1", "a", "1.0.0", endpoints=("JSONRPC http://127.0.0.1:1/",), skills=("cut@1.0.0",))
RUN = Run(7, "http://127.0.0.1:8080", "http://127.0.0.1:8082", "http://127.0.0.1:8090", "127.0.0.1:8081", "KEY")


def shown(view: RenderableType, *, soft_wrap: bool = False) -> str:
    file = io.StringIO()
    Console(file=file, width=80, highlight=False).print(view, soft_wrap=soft_wrap)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def test_agents_are_one_line_each_and_name_a_skills_version_only_where_it_differs() -> None:
    other = msgspec.structs.replace(READY, id="b-1", agent="b", breaker="open", latency=0.25, pending=2)
    agents = [
        Agent("a", versions=("1.0.0",), skills=("cut@1.0.0", "glue@2.0.0"), instances=(READY,)),
        Agent("b", versions=("1.0.0",), skills=("cut@1.0.0",), foreign=True, instances=(READY, other)),
    ]
    assert shown(agents_table(agents)) == (
        "agent   version   skills            instances                  open   latency\n"
        "─────────────────────────────────────────────────────────────────────────────\n"
        "a       1.0.0     cut, glue@2.0.0   1 ready                       0         -\n"
        "b       1.0.0     cut               1 ready, 1 open, foreign      2    250 ms"
    )


def test_the_tenant_is_shown_where_there_are_several() -> None:
    agents = [Agent("a", tenant=tenant, versions=("1.0.0",), instances=(READY,)) for tenant in ("x", "y")]
    assert "tenant" in shown(agents_table(agents))
    assert "tenant" not in shown(agents_table(agents[:1]))


def test_no_agents_tell_how_to_get_one() -> None:
    assert "meshgate register" in shown(agents_table([]))


def test_an_instance_shows_where_it_listens_and_how_it_is() -> None:
    one = msgspec.structs.replace(READY, healthy=False, labels={"region": "eu"})
    assert shown(instances_table([one])) == (
        "instance   version   state       open   latency   endpoints and labels\n"
        "─────────────────────────────────────────────────────────────────────────────\n"
        "a-1        1.0.0     unhealthy      0         -   JSONRPC http://127.0.0.1:1/\n"
        "                                                  region=eu"
    )


def test_draining_is_said_before_anything_else_about_an_instance() -> None:
    assert msgspec.structs.replace(READY, draining=True, healthy=False, breaker="open").state == "draining"


def test_jobs_show_their_calls_against_the_limit() -> None:
    job = Job("gw1.ab", started=3_661.0, used=3, call_limit=256, open=1, principal="dev")
    jobs = [msgspec.structs.replace(job, selector="cut@1", outcome="LOOP")]
    assert shown(jobs_table(jobs, UTC)) == (
        "job      asked for   ended   started    calls   open   caller\n"
        "─────────────────────────────────────────────────────────────\n"
        "gw1.ab   cut@1       LOOP    01:01:01   3/256      1   dev"
    )


def call(name: str, **fields: object) -> dict[str, object]:
    usual = {"id": name, "method": "SendMessage", "binding": "JSONRPC", "gateway": "gw1", "started": 10.0}
    return {**usual, "agent": name, "skill": "cut", "version": "1.0.0", "duration": 0.5, "outcome": "done", **fields}


def tree(*roots: dict[str, object], **fields: object) -> Tree:
    job = {"id": "gw1.ab", "principal": "dev", "used": 3, "call_limit": 20, "seconds": 30.0, "age": 4.0}
    return msgspec.convert({"job": job, "roots": roots, "gateways": ["gw1"], **fields}, Tree)


@pytest.mark.requirement("cli.job")
def test_a_job_is_a_tree_with_durations_cost_ways_reasons_and_refusals() -> None:
    tries = [
        {"instance": "b-1", "binding": "GRPC", "outcome": "failed", "code": "UPSTREAM_UNAVAILABLE", "duration": 0.003},
        {"instance": "b-2", "binding": "GRPC", "outcome": "done", "reason": "less busy of two", "duration": 0.2},
    ]
    usage = {"inputTokens": 10, "outputTokens": 5, "costUsd": 0.02}
    refused = call("a", outcome="refused", code="LOOP", message="a.cut is on the path: a → b", duration=0.0)
    child = call("b", attempts=tries, usage=usage, selector="cut@1", reason="choice 1 of 1")
    root = call("a", duration=1.25, attempts=[{"instance": "a-1", "binding": "JSONRPC", "outcome": "done"}])
    found = tree(
        {"call": root, "children": [{"call": child, "children": [{"call": refused}]}]},
        cost_usd=0.02,
        input_tokens=10,
        output_tokens=5,
        refused=1,
    )
    assert shown(job_view(found)) == (
        "job gw1.ab  done in 1.2 s\n"
        "3/20 calls, 30.0 s allowed, 1 refused, $0.0200, 10+5 tokens, for dev\n"
        "└── a.cut@1.0.0  done  1.2 s\n"
        "    SendMessage over JSONRPC\n"
        "    → a-1 over JSONRPC\n"
        "    └── b.cut@1.0.0  done  500 ms, $0.0200, 10+5 tokens\n"
        "        SendMessage over JSONRPC to cut@1 (choice 1 of 1)\n"
        "        try 1: → b-1 over GRPC: failed UPSTREAM_UNAVAILABLE after 3 ms\n"
        "        try 2: → b-2 over GRPC, less busy of two: done after 200 ms\n"
        "        └── a.cut@1.0.0  refused  0 ms\n"
        "            LOOP: a.cut is on the path: a → b\n"
        "            SendMessage over JSONRPC"
    )


def test_a_call_that_delivered_a_failed_task_is_shown_as_failed() -> None:
    found = tree({"call": call("a", task_state="TASK_STATE_FAILED")})
    assert shown(job_view(found)).splitlines()[0] == "job gw1.ab  task failed in 500 ms"


def test_a_job_that_runs_says_so_and_an_inferred_parent_is_marked() -> None:
    found = tree({"call": call("a", outcome="open", duration=None, inferred="open")})
    text = shown(job_view(found))
    assert "running for 4.0 s" in text
    assert "its parent was worked out" in text


def test_a_job_without_records_says_so() -> None:
    assert "no longer on record" in shown(job_view(tree()))


def test_an_explanation_says_where_it_leads_and_why_each_instance_was_dropped() -> None:
    found = msgspec.convert(
        {
            "selector": "cut@1",
            "skill": "cut",
            "groups": [
                {"agent": "a", "skill": "cut", "version": "1.0.0", "entries": [{"instance": {"id": "a-1"}}]},
            ],
            "verdicts": [
                {"instance": "a-1", "skill": "cut", "version": "1.0.0", "reason": "taken"},
                {"instance": "b-1", "skill": "cut", "version": "2.0.0", "reason": "version", "detail": "2.0.0 is out"},
                {"instance": "c-1", "skill": "cut", "version": "0.9.0", "reason": "stands by", "detail": "a first"},
                {"instance": "d-1", "skill": "cut", "version": "1.0.0", "reason": "draining"},
            ],
            "choice": "one of 2, by name",
        },
        Explanation,
    )
    assert shown(explanation_view(found)) == (
        "cut@1\n"
        "  1. a: cut@1.0.0, 1 instance\n"
        "  calls go to one of 2, by name\n"
        "\n"
        "instance   skill       verdict     why\n"
        "───────────────────────────────────────────────\n"
        "a-1        cut@1.0.0   taken\n"
        "b-1        cut@2.0.0   not taken   2.0.0 is out\n"
        "c-1        cut@0.9.0   stands by   a first\n"
        "d-1        cut@1.0.0   not taken   draining"
    )


def test_a_selector_that_leads_nowhere_says_so() -> None:
    for code, words in (("NO_ROUTE", "leads nowhere"), ("KILLED", "is switched off"), ("WHATEVER", "WHATEVER")):
        text = shown(explanation_view(Explanation("x@1", "x", outcome=code)))
        assert code in text
        assert words in text
    assert "no instance takes calls now" in shown(explanation_view(Explanation("x", outcome="UPSTREAM_UNAVAILABLE")))


def test_an_agent_that_decides_itself_is_shown_as_such() -> None:
    assert shown(explanation_view(Explanation("many", "*"))).startswith(
        "many (the agent decides which of its skills is meant)\n"
    )


def test_switches_show_their_reason() -> None:
    assert shown(switches_table([Switch("agent", "a", "leaks")])).splitlines()[-1] == "agent   a      leaks"
    assert "No kill switch" in shown(switches_table([]))


def test_findings_carry_their_remedy_and_a_count() -> None:
    findings = [Finding("home", "ok", "/h"), Finding("ports", "warn", "8080 is used", "meshgate up --port 0")]
    assert shown(findings_view(findings)) == (
        "ok    home   /h\nwarn  ports  8080 is used\n             → meshgate up --port 0\n\n1 thing to look at."
    )


def test_the_first_call_can_be_copied_into_a_shell() -> None:
    line = curl_line(RUN)
    assert "Authorization: Bearer KEY" in line
    assert "A2A-Version: 1.0" in line
    assert "$MESHGATE_KEY" in curl_line(msgspec.structs.replace(RUN, client_key=""))


@pytest.mark.requirement("cli.first_keys")
def test_a_view_that_shows_no_key_says_where_it_is() -> None:
    told = shown(up_view(RUN, Path("/h"), detached=True, shown=False), soft_wrap=True)
    assert RUN.client_key not in told.replace("MESHGATE_KEY", "")
    assert "$MESHGATE_KEY" in told
    assert "MESHGATE_KEY is client_key in /h/run.json" in told
    assert "/h/new-keys.json" in shown(key_file_view(Path("/h/new-keys.json")), soft_wrap=True)


def test_no_key_and_no_url_is_ever_broken_over_lines() -> None:
    key = "mg_client_" + "x" * 90
    assert key in shown(keys_view({"client": key}), soft_wrap=True)
    assert curl_line(RUN).splitlines()[-1] in shown(up_view(RUN, Path("/h"), detached=True), soft_wrap=True)


@pytest.mark.requirement("cli.remedy")
def test_an_error_is_one_line_with_its_remedy_whatever_the_message_holds() -> None:
    text = shown(fail_line(CliError("line one\nline \x1b[31mtwo", remedy="do this")), soft_wrap=True)
    assert text == "error: line one line [31mtwo (do this)"


@pytest.mark.requirement("cli.terminal")
def test_nothing_from_an_agent_reaches_the_terminal_as_control() -> None:
    evil = Agent("a\x1b]0;owned\x07", skills=("[red]x[/red]",), versions=("1",), instances=(READY,))
    text = shown(agents_table([evil]))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]x[/red]" in text


def test_durations_are_read_at_a_glance() -> None:
    assert [seconds(value) for value in (None, 0.0, 0.0123, 0.9996, 59.9, 75.0)] == [
        "…",
        "0 ms",
        "12 ms",
        "1.0 s",
        "59.9 s",
        "1 min 15 s",
    ]


@pytest.mark.requirement("cli.ids")
@pytest.mark.parametrize("width", [60, 80, 100])
def test_ids_are_never_wrapped(width: int) -> None:
    instance, job = "summariser-0123456789ab", "gw1f3a9c02.5d41402abc4b2a76b9719d91"
    long = "a long reason that has to be wrapped, because no line is as long as that " * 3
    verdicts = [{"instance": instance, "skill": "summarise", "version": "1.0.0", "reason": "killed", "detail": long}]
    found = msgspec.convert({"selector": "summarise@1", "verdicts": verdicts}, Explanation)
    jobs = [msgspec.convert({"id": job, "selector": long, "outcome": "done", "started": 1.0}, Job)]
    for view, name in ((explanation_view(found), instance), (jobs_table(jobs, UTC), job)):
        file = io.StringIO()
        Console(width=width, file=file, highlight=False).print(view)
        assert name in file.getvalue()


@pytest.mark.requirement("cli.ids")
def test_what_is_piped_is_not_wrapped_unless_columns_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert out().width > 10_000
    monkeypatch.setenv("COLUMNS", "72")
    assert out().width == 72
