"""One account: what it says of itself, and what it learns from its home."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.gateway.jobs.account import Account, Grant

pytestmark = pytest.mark.requirement("path.budget")


def account(**changes: Any) -> Account:
    usual: dict[str, Any] = {"job": "g.1", "began": 100.0, "deadline": 160.0, "call_limit": 8, "concurrency": 4}
    return Account(**{**usual, **changes})


def test_the_price_has_calls_and_seconds() -> None:
    assert account(used=3).price(112.34) == "3/8 calls, 12.3/60 s"


@pytest.mark.parametrize(
    ("changes", "now", "why"),
    [
        ({"used": 7}, 100.0, ""),
        ({"used": 8}, 100.0, "its calls are used up"),
        ({"used": 9}, 100.0, "its calls are used up"),
        ({"leased": 5, "used": 8}, 100.0, "its calls are used up"),
        ({"home": False, "leased": 1, "used": 8}, 100.0, ""),
        ({"home": False, "leased": 0}, 100.0, "its calls are used up"),
        ({}, 159.999999, ""),
        ({}, 160.0, "its time is used up"),
        ({"used": 8}, 160.0, "its time is used up"),
    ],
)
def test_an_account_is_exhausted_in_calls_or_in_time(changes: dict[str, Any], now: float, why: str) -> None:
    assert account(**changes).exhausted(now) == why


def test_a_grant_adds_its_calls_and_replaces_the_rest() -> None:
    away = account(home=False, used=1, leased=1)
    away.learn(Grant(4, 30.0, 12, 20, 6, 45.0), 200.0)
    assert (away.leased, away.used, away.call_limit, away.concurrency) == (5, 7, 20, 6)
    assert (away.deadline, away.began) == (230.0, 185.0)


def test_what_was_spent_here_is_never_forgotten_for_what_the_home_has_heard() -> None:
    away = account(home=False, used=9)
    away.learn(Grant(4, 30.0, 12, 20, 6, 45.0), 200.0)
    assert away.used == 9
