"""What counts against an instance: one word for each kind of end."""

from __future__ import annotations

import asyncio

import pytest

from meshgate.a2a import errors
from meshgate.gateway.upstream.outcome import classify, outcome_of

WORKS = [errors.TaskNotFound, errors.InvalidParams, errors.UnsupportedOperation, errors.TaskNotCancelable]
BROKEN = [
    errors.UpstreamUnavailable,
    errors.OutcomeUnknown,
    errors.InvalidAgentResponse,
    errors.InternalError,
    errors.BodyTimeout,
    errors.SchemaViolation,
]
NEITHER = [
    asyncio.CancelledError,
    GeneratorExit,
    errors.Killed,
    errors.RateLimited,
    errors.UpstreamDeadline,
    errors.NoRoute,
    errors.BudgetExhausted,
    errors.Unauthenticated,
    KeyError,
]


@pytest.mark.requirement("path.breaker")
def test_an_answer_shows_that_an_instance_works_even_if_it_is_an_error_of_the_agents_own() -> None:
    assert classify(None) is True
    assert {kind.__name__: classify(kind()) for kind in WORKS} == {kind.__name__: True for kind in WORKS}


@pytest.mark.requirement("path.breaker")
def test_what_counts_against_an_instance_and_what_says_nothing() -> None:
    assert {kind.__name__: classify(kind()) for kind in BROKEN} == {kind.__name__: False for kind in BROKEN}
    assert {kind.__name__: classify(kind()) for kind in NEITHER} == {kind.__name__: None for kind in NEITHER}


@pytest.mark.requirement("instance.own_errors")
def test_an_agents_own_error_shows_that_it_works_unless_it_failed_itself_and_another_could_do_better() -> None:
    assert classify(errors.AgentError(number=1001)) is True
    assert classify(errors.AgentError(number=1001), alone=True) is True
    assert classify(errors.AgentError(internal=True)) is False
    assert classify(errors.AgentError(internal=True), alone=True) is None
    assert classify(errors.UpstreamUnavailable(), alone=True) is False


@pytest.mark.requirement("instance.limits")
def test_an_answer_beyond_a_limit_of_the_meshs_own_says_nothing() -> None:
    assert classify(errors.InvalidAgentResponse(neutral=True)) is None
    assert outcome_of(errors.InvalidAgentResponse(neutral=True), "failed") == "failed"


@pytest.mark.parametrize(
    ("error", "state", "word"),
    [
        (None, "done", "done"),
        (None, "cancelled", "cancelled"),
        (errors.TaskNotFound(), "failed", "answered"),
        (errors.UpstreamUnavailable(), "failed", "failed"),
        (errors.UpstreamDeadline(), "failed", "failed"),
        (asyncio.CancelledError(), "failed", "cancelled"),
        (GeneratorExit(), "cancelled", "cancelled"),
    ],
)
def test_how_an_attempt_ended_is_one_word(error: BaseException | None, state: str, word: str) -> None:
    assert outcome_of(error, state) == word
