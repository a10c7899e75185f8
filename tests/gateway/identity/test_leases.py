"""The lease behind a call key: registered, never heard of, or gone."""

# pyright: reportPrivateUsage=false
# The bounds of what is kept inside cannot be seen from outside.

from __future__ import annotations

import pytest

from meshgate.gateway.identity.leases import Leases
from meshgate.registry.index import Index
from meshgate.registry.model import Delta
from tests.gateway.calls import Clock, entry, limits

pytestmark = pytest.mark.requirement("path.authentication")


class Heard:
    """Leases over an index that hears of each change."""

    def __init__(self, **changes: float) -> None:
        self.clock, self.index = Clock(), Index()
        self.leases = Leases(self.index, limits(**changes), self.clock)

    def change(self, delta: Delta) -> None:
        self.index.apply(delta)
        self.leases.learn(delta)

    def there(self, name: str = "echo-1", agent: str = "echo") -> bool:
        return self.leases.registered(name, agent)


def test_a_registered_instance_counts_for_its_own_agent_alone() -> None:
    heard = Heard()
    heard.change(Delta(put=(entry(),)))
    heard.clock.now += 1e6
    assert (heard.there(), heard.there(agent="other")) == (True, False)


def test_an_instance_never_heard_of_has_the_time_of_one_lease_from_its_first_call_on() -> None:
    heard = Heard(lease=10.0)
    heard.clock.now = 5000.0
    assert heard.there()
    heard.clock.now = 5010.0 - 1e-6
    assert heard.there()
    heard.clock.now = 5010.0
    assert not heard.there()
    heard.change(Delta(put=(entry(),)))
    assert heard.there()


def test_an_instance_that_left_is_gone_at_once_and_back_when_it_is_registered_again() -> None:
    heard = Heard()
    heard.change(Delta(put=(entry(),)))
    heard.change(Delta(gone=("echo-1",)))
    assert not heard.there()
    heard.change(Delta(put=(entry(),)))
    assert heard.there()
    heard.change(Delta(gone=("echo-1",)))
    assert not heard.there()


def test_an_instance_that_was_awaited_left_and_is_unknown_again_is_gone() -> None:
    heard = Heard()
    assert heard.there()
    heard.change(Delta(gone=("echo-1",)))
    assert not heard.there()


def test_both_memories_are_bounded_and_the_oldest_goes() -> None:
    heard = Heard(records=2)
    heard.change(Delta(gone=("a", "b", "c")))
    assert list(heard.leases._left) == ["b", "c"]
    for name in "xyz":
        assert heard.there(name)
    assert list(heard.leases._first_seen) == ["y", "z"]
