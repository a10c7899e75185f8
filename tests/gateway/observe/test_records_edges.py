"""Records where number and age are both at the bound, and how many are shown."""

from __future__ import annotations

from tests.gateway.observe.test_records import Book


def test_a_young_job_stays_beside_an_old_one_that_is_open_even_at_the_number_that_is_kept() -> None:
    book = Book(records=3, record_seconds=100.0)
    book.open("c0", "g.0")
    book.clock.now += 60.0
    book.made("c1", "g.1")
    book.clock.now += 60.0
    book.made("c2", "g.2")
    assert book.jobs() == ["g.2", "g.1", "g.0"]


def test_a_job_is_kept_at_its_very_age_even_if_an_older_one_is_open() -> None:
    book = Book(record_seconds=100.0)
    book.open("c0", "g.0")
    book.clock.now += 60.0
    book.made("c1", "g.1")
    book.clock.now += 100.0
    book.made("c2", "g.2")
    assert book.jobs() == ["g.2", "g.1", "g.0"]


def test_a_hundred_are_shown_if_nobody_says_how_many() -> None:
    book = Book()
    for number in range(101):
        book.made(f"c{number}", f"g.{number}")
        book.made(f"o{number}")
    jobs, others = list(book.records.jobs()), list(book.records.others())
    assert (len(jobs), jobs[-1].id) == (100, "g.1")
    assert (len(others), others[-1].id) == (100, "o1")
