"""How a call is shown: what goes to standard output, what to standard error."""

import json
from typing import Any

import msgspec
import pytest

from meshgate.a2a.errors import BudgetExhausted
from meshgate.a2a.types import Message, StreamResponse, Task
from meshgate.cli.views.answer import Lines, People
from meshgate.sdk.client.results import Event, Result

Text = pytest.CaptureFixture[str]


def event(**body: Any) -> Event:
    raw = msgspec.convert(body, StreamResponse)
    return Event(raw=raw, job="gw1.ab", call_id="c1", instance="a-1")


def status(state: str, text: str = "", **metadata: Any) -> Event:
    told: dict[str, Any] = {"state": f"TASK_STATE_{state}"}
    if text:
        told["message"] = {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": text}]}
    return event(statusUpdate={"taskId": "t~1", "status": told, "metadata": metadata})


def artifact(name: str, *parts: dict[str, Any], append: bool = False) -> Event:
    body = {"artifactId": name, "name": name, "parts": list(parts)}
    return event(artifactUpdate={"taskId": "t~1", "artifact": body, "append": append})


def people(*events: Event, only: str = "") -> People:
    shown = People("hello", lambda: 0.0, artifact=only)
    with shown:
        for one in events:
            shown.event(one)
        shown.end()
    return shown


def test_the_result_goes_to_standard_output_and_nothing_else_does(capsys: Text) -> None:
    people(
        status("WORKING", "reading", **{"meshgate/progress": 0.5}),
        artifact("report", {"text": "one "}),
        artifact("report", {"text": "two"}, append=True),
        status("COMPLETED"),
    )
    out, err = capsys.readouterr()
    assert out == "one two\n"
    assert err.splitlines() == ["hello: reading (50%)", "0 ms, a-1; meshgate job gw1.ab"]


@pytest.mark.requirement("cli.pieces")
@pytest.mark.parametrize("whole", ["one two", "one two three"])
def test_an_artifact_that_comes_in_pieces_and_then_as_a_whole_is_shown_once(capsys: Text, whole: str) -> None:
    pieces = [artifact("report", {"text": "one "}), artifact("report", {"text": "two"}, append=True)]
    people(*pieces, artifact("report", {"text": whole}), status("COMPLETED"))
    assert capsys.readouterr().out == f"{whole}\n"


@pytest.mark.requirement("cli.pieces")
def test_an_artifact_that_is_replaced_by_another_text_is_shown_again(capsys: Text) -> None:
    people(artifact("report", {"text": "one"}), artifact("report", {"text": "two"}), status("COMPLETED"))
    out, err = capsys.readouterr()
    assert out == "one\ntwo\n"
    assert "artifact report" in err


def test_progress_that_says_nothing_new_is_not_repeated(capsys: Text) -> None:
    people(status("WORKING", "reading"), status("WORKING", "reading"))
    assert capsys.readouterr().err.count("reading") == 1


def test_each_further_artifact_is_announced_beside_the_output(capsys: Text) -> None:
    people(artifact("a.md", {"text": "A"}), artifact("b.json", {"data": {"n": 1}}), status("COMPLETED"))
    out, err = capsys.readouterr()
    assert out == 'A\n{\n  "n": 1\n}\n'
    assert "artifact b.json" in err


def test_one_artifact_can_be_chosen(capsys: Text) -> None:
    people(artifact("a.md", {"text": "A"}), artifact("b.json", {"data": 1}), only="b.json")
    assert capsys.readouterr().out == "1\n"


def test_an_artifact_that_is_not_in_the_answer_is_missed(capsys: Text) -> None:
    people(artifact("a.md", {"text": "A"}), only="c")
    out, err = capsys.readouterr()
    assert out == ""
    assert "a.md" in err


def test_bytes_are_named_and_not_printed(capsys: Text) -> None:
    people(artifact("x", {"raw": "AAAA", "mediaType": "image/png"}))
    out, err = capsys.readouterr()
    assert out == ""
    assert "image/png" in err


def test_a_question_is_the_answer_and_says_how_to_go_on(capsys: Text) -> None:
    people(status("INPUT_REQUIRED", "Which city?"))
    out, err = capsys.readouterr()
    assert out == "Which city?\n"
    assert "--task t~1" in err


def test_a_plain_message_is_printed(capsys: Text) -> None:
    people(event(message={"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "hi"}]}))
    assert capsys.readouterr().out == "hi\n"


def test_output_that_is_piped_on_is_left_as_the_agent_wrote_it(capsys: Text) -> None:
    people(artifact("a", {"text": "\x1b[31mred\n"}))
    assert capsys.readouterr().out == "\x1b[31mred\n"


def test_progress_is_never_trusted_with_the_terminal(capsys: Text) -> None:
    people(status("WORKING", "a\x1b]0;owned\x07\n\nb [bold]c"))
    assert capsys.readouterr().err.splitlines()[0] == "hello: a]0;owned b [bold]c"


def test_a_whole_answer_prints_its_artifacts_or_what_its_status_says(capsys: Text) -> None:
    task = {"id": "t", "status": {"state": "TASK_STATE_COMPLETED"}}
    made = {**task, "artifacts": [{"artifactId": "a", "parts": [{"text": "made"}]}]}
    said = {
        "state": "TASK_STATE_COMPLETED",
        "message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "s"}]},
    }
    for body in (made, {**task, "status": said}):
        shown = People("hello", lambda: 0.0)
        with shown:
            shown.result(Result(task=msgspec.convert(body, Task)))
            shown.end()
    assert capsys.readouterr().out == "made\ns\n"


def test_json_lines_are_a2as_own_events_with_the_meshs_ids(capsys: Text) -> None:
    lines = Lines()
    lines.event(status("WORKING"))
    lines.failed(BudgetExhausted("too much", metadata={"job": "gw1.ab"}, retry_after=2.0))
    first, last = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == {
        "statusUpdate": {"taskId": "t~1", "status": {"state": "TASK_STATE_WORKING"}},
        "meshgate": {"job": "gw1.ab", "call": "c1", "instance": "a-1"},
    }
    assert last["error"]["code"] == "BUDGET_EXHAUSTED"
    assert last["error"]["retryAfter"] == 2.0


def test_a_whole_answer_is_one_json_line(capsys: Text) -> None:
    message = msgspec.convert({"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "hi"}]}, Message)
    Lines().result(Result(message=message, job="gw1.ab"))
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["message"]["parts"] == [{"text": "hi"}]


def test_the_job_of_a_refusal_is_known_from_the_error(capsys: Text) -> None:
    shown = People("hello", lambda: 0.0)
    with shown:
        shown.failed(BudgetExhausted("too much", metadata={"job": "gw1.ab"}))
    assert "meshgate job gw1.ab" in capsys.readouterr().err


@pytest.mark.requirement("cli.remedy")
def test_the_command_that_answers_a_question_can_be_pasted_into_a_shell(capsys: Text) -> None:
    shown = People("buy@*", lambda: 0.0)
    with shown:
        shown.event(status("INPUT_REQUIRED", "How many?"))
        shown.end()
    out, err = capsys.readouterr()
    assert out == "How many?\n"
    assert err.splitlines()[0] == "The agent waits for an answer: meshgate call 'buy@*' TEXT --task t~1"


@pytest.mark.parametrize(("raw", "size"), [("AAAA", 3), ("AP8=", 2), ("AA==", 1)])
@pytest.mark.requirement("cli.pieces")
def test_of_bytes_the_size_is_told(raw: str, size: int, capsys: Text) -> None:
    people(artifact("x", {"raw": raw, "mediaType": "image/png"}))
    assert f"image/png: {size} bytes that are no text" in capsys.readouterr().err
