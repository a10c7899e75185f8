"""The kept inputs, replayed; and the rules by which a run judges how far they reach."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.fuzz.corpus import FOLDER, Coverage, coverage_of, falls_short, kept_inputs, offered, recorded
from tests.fuzz.lines import lines_of, reached
from tests.fuzz.mutations import mutator, words
from tests.fuzz.targets import TARGETS, Target


@pytest.mark.requirement("a2a.any_bytes")
@pytest.mark.parametrize("name", TARGETS)
def test_what_must_hold_holds_for_each_kept_input(name: str) -> None:
    inputs = kept_inputs(name)
    assert inputs
    for path, data in inputs.items():
        try:
            TARGETS[name].run(data)
        except Exception as error:
            error.add_note(f"in {path}")
            raise


@pytest.mark.requirement("a2a.fuzzed")
def test_each_target_has_a_corpus_and_a_record_and_no_other_does() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(TARGETS)
    assert set(recorded()) == set(TARGETS)


@pytest.mark.requirement("a2a.fuzzed")
@pytest.mark.parametrize(
    ("now", "short"),
    [
        ((80, 100), False),  # as it was
        ((81, 100), False),
        ((79, 100), True),  # an input is lost
        ((0, 100), True),  # the parser is not called
        ((70, 90), False),  # ten lines went, and no more are missed
        ((70, 91), True),
        ((80, 120), False),  # the parser grew, and nothing is lost
    ],
)
def test_inputs_fall_short_if_they_reach_less_and_miss_more(now: tuple[int, int], short: bool) -> None:
    assert falls_short(Coverage(*now), Coverage(80, 100)) is short


@pytest.mark.requirement("a2a.fuzzed")
def test_a_lost_corpus_falls_short_and_what_was_lost_is_offered_again() -> None:
    target, inputs = TARGETS["sse"], list(kept_inputs("sse").values())
    whole, lines = coverage_of(target, inputs)
    assert not falls_short(whole, recorded()["sse"])
    part, known = coverage_of(target, [b""])
    assert falls_short(part, recorded()["sse"])
    offers = offered(target, known, [*inputs, *inputs])
    assert lines == known.union(*(fresh for _, fresh in offers))
    assert offered(target, lines, inputs) == []


@pytest.mark.requirement("a2a.fuzzed")
def test_a_target_that_does_not_call_its_parser_reaches_none_of_its_lines() -> None:
    def nothing(data: bytes) -> None:
        pass

    idle = Target(nothing, ("a2a.bindings.sse",))
    assert list(reached(idle, [b"data: x\n\n"])) == [set()]
    assert len(lines_of(idle)) > 40


def test_words_are_the_keys_and_choices_of_every_message() -> None:
    assert {
        "messageId",
        "message_id",
        "ROLE_USER",
        "TASK_STATE_INPUT_REQUIRED",
        "tasks/get",
        "pushNotificationConfig",
    } <= {*words()}


@pytest.mark.parametrize("name", ["jsonrpc", "http_json"])
def test_a_change_is_the_same_for_the_same_seed_and_mostly_leaves_json(name: str) -> None:
    change = mutator(TARGETS[name], lambda data, most: b"\xff")
    data = (FOLDER / name / "SendMessage").read_bytes()
    changed = [change(data, 2048, seed) for seed in range(200)]
    assert changed == [change(data, 2048, seed) for seed in range(200)]
    assert all(len(each) <= 2048 for each in changed)
    bodies = [each.partition(b"\n")[2] if TARGETS[name].heads else each for each in changed]
    read = [body for body in bodies if not body.endswith(b"\xff")]
    for body in read:
        json.loads(body.decode("utf-8", "surrogatepass"))
    assert 140 < len(read) < 200
    assert len({msgspec.json.encode(each.decode("latin-1")) for each in changed}) > 100
