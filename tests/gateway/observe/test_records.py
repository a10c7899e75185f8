"""The records of a gateway: what is kept of jobs and calls, and the bounds on each of them."""

# pyright: reportPrivateUsage=false
# The bounds of what is kept inside cannot be seen from outside.

from __future__ import annotations

from typing import Any

import pytest

from meshgate.gateway.observe.call_record import CallRecord
from meshgate.gateway.observe.records import Records
from tests.gateway.calls import Clock, limits

pytestmark = pytest.mark.requirement("path.record")


class Book:
    def __init__(self, **changes: Any) -> None:
        self.clock = Clock()
        self.records = Records("gw", limits(**changes), self.clock, lambda: 1.8e9 + self.clock.now)

    def open(self, call_id: str, job: str = "") -> CallRecord:
        record = self.records.open(call_id, "SendMessage", "JSONRPC", "echo")
        if job:
            self.records.file(record, job)
        return record

    def made(self, call_id: str, job: str = "", outcome: str = "done", code: str = "") -> CallRecord:
        """A call that came and ended."""
        record = self.open(call_id, job)
        self.records.close(record, outcome, code)
        return record

    def known(self, *calls: str) -> list[bool]:
        return [self.records.call(call) is not None for call in calls]

    def jobs(self, limit: int = 100) -> list[str]:
        return [job.id for job in self.records.jobs(limit)]


def test_a_call_is_on_record_from_its_beginning_and_closed_with_how_it_ended() -> None:
    book = Book()
    record = book.open("c1", "g.1")
    assert book.records.call("c1") is record
    assert (record.gateway, record.started, record.began, record.outcome) == ("gw", 1.8e9 + 1000.0, 1000.0, "open")
    book.clock.now += 1.5
    book.records.close(record, "refused", "NO_ROUTE", "nobody")
    assert (record.duration, record.outcome, record.code, record.message) == (1.5, "refused", "NO_ROUTE", "nobody")


def test_a_job_has_the_calls_that_were_filed_and_knows_how_many_are_open() -> None:
    book = Book()
    first, second = book.open("c1", "g.1"), book.open("c2", "g.1")
    job = book.records.job("g.1")
    assert job is not None
    assert (job.calls, job.open, job.began) == ([first, second], 2, 1000.0)
    book.records.close(first, "done")
    assert job.open == 1
    assert book.records.job("g.2") is None


@pytest.mark.parametrize("kept", [1, 3])
def test_of_a_job_so_many_calls_are_kept_and_the_others_counted_by_how_they_ended(kept: int) -> None:
    book = Book(job_records=kept)
    for number in range(kept):
        book.made(f"c{number}", "g.1")
    job = book.records.job("g.1")
    assert job is not None
    assert (len(job.calls), job.more) == (kept, {})
    for number in range(5):
        book.made(f"d{number}", "g.1", "refused", "LOOP" if number < 3 else "RATE_LIMITED")
    book.made("e", "g.1")
    assert len(job.calls) == kept
    assert job.more == {"LOOP": 3, "RATE_LIMITED": 2, "done": 1}
    assert (job.open, book.known("c0", "d0", "e")) == (0, [True, False, False])


def test_a_call_that_is_only_counted_is_known_while_it_is_open() -> None:
    book = Book(job_records=1)
    book.open("c0", "g.1")
    late = book.open("c1", "g.1")
    job = book.records.job("g.1")
    assert job is not None
    assert (book.records.call("c1"), job.open, job.more) == (late, 2, {})
    book.records.close(late, "cancelled")
    assert (book.known("c1"), job.open, job.more) == ([False], 1, {"cancelled": 1})


def test_a_runaway_job_leaves_no_trace_but_numbers() -> None:
    book = Book(job_records=10)
    for number in range(1000):
        book.made(f"c{number}", "g.1", "refused", "LOOP")
    assert (len(book.records._calls), len(book.records._uncounted), len(book.records._others)) == (10, 0, 0)


def test_jobs_are_bounded_in_number_and_the_oldest_goes_with_its_calls() -> None:
    book = Book(records=3)
    for number in range(4):
        book.made(f"c{number}", f"g.{number}")
        book.clock.now += 1.0
    assert book.jobs() == ["g.3", "g.2", "g.1"]
    assert book.known("c0", "c1") == [False, True]
    assert len(book.records._calls) == 3


def test_jobs_are_kept_for_their_time_and_go_with_the_next_job_after_it() -> None:
    book = Book(record_seconds=100.0)
    book.made("c0", "g.0")
    book.clock.now += 100.0
    book.made("c1", "g.1")
    assert book.jobs() == ["g.1", "g.0"]
    book.clock.now += 1e-6
    book.made("c2", "g.2")
    assert book.jobs() == ["g.2", "g.1"]
    assert book.known("c0") == [False]


def test_a_job_with_open_calls_is_not_forgotten_and_takes_no_younger_one_with_it() -> None:
    book = Book(records=3, record_seconds=100.0)
    waiting = book.open("c0", "g.0")
    book.clock.now += 60.0
    book.made("c1", "g.1")
    book.clock.now += 60.0
    book.made("c2", "g.2")
    assert book.jobs() == ["g.2", "g.1", "g.0"]
    book.made("c3", "g.3")
    assert book.jobs() == ["g.3", "g.2", "g.0"]
    book.records.close(waiting, "done")
    book.made("c4", "g.4")
    assert book.jobs() == ["g.4", "g.3", "g.2"]


def test_calls_without_a_job_are_bounded_as_jobs_are_and_count_once_they_have_ended() -> None:
    book = Book(records=3)
    waiting = book.open("w")
    for number in range(4):
        book.made(f"c{number}")
    assert [call.id for call in book.records.others()] == ["c3", "c2", "c1"]
    assert [call.id for call in book.records.others(2)] == ["c3", "c2"]
    assert book.known("c0", "c1", "w") == [False, True, True]
    book.records.close(waiting, "done")
    assert [call.id for call in book.records.others()] == ["w", "c3", "c2"]


def test_the_youngest_jobs_are_listed_first_and_no_more_than_asked_for() -> None:
    book = Book()
    for number in range(4):
        book.made(f"c{number}", f"g.{number}")
    assert (book.jobs(2), book.jobs(0)) == (["g.3", "g.2"], [])


def test_attempts_are_timed_from_the_calls_beginning() -> None:
    book = Book()
    record = book.open("c1")
    book.clock.now += 0.5
    first = book.records.attempt("c1", "echo-1", "JSONRPC", "the only one")
    assert first is not None
    book.clock.now += 0.25
    book.records.end_attempt("c1", first, "failed", "UPSTREAM_UNAVAILABLE")
    assert (first.began, first.duration, first.outcome, first.code) == (0.5, 0.25, "failed", "UPSTREAM_UNAVAILABLE")
    book.records.attempt("c1", "echo-2", "GRPC", "")
    assert ([note.instance for note in record.attempts], record.instance) == (["echo-1", "echo-2"], "echo-2")
    assert book.records.attempt("c9", "echo-1", "JSONRPC", "") is None


def test_a_call_filed_under_a_job_that_is_forgotten_since_is_kept_among_the_others() -> None:
    book = Book(records=2)
    record = book.open("c0", "g.0")
    job = book.records.job("g.0")
    assert job is not None
    job.open = 0
    book.made("c1", "g.1")
    book.made("c2", "g.2")
    assert book.jobs() == ["g.2", "g.1"]
    book.records.close(record, "done")
    assert [call.id for call in book.records.others()] == ["c0"]


@pytest.mark.requirement("trust.skills")
def test_the_skills_that_calls_of_the_last_while_went_to_are_known() -> None:
    book = Book()
    for number, (agent, skill) in enumerate([("maps", "find"), ("maps", "*"), ("other", "draw"), ("maps", "")]):
        record = book.open(f"c{number}", "g.1")
        record.agent, record.skill, record.tenant = agent, skill, "default"
        book.clock.now += 10.0
    assert book.records.called("maps", "default", 40.0) == {"find", "*"}
    assert book.records.called("maps", "default", 39.0) == {"*"}
    assert book.records.called("maps", "acme", 40.0) == set()
