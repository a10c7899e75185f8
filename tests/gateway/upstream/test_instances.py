"""The instances of a gateway, kept in step with the registry."""

from __future__ import annotations

import random

from meshgate.gateway.upstream.instance import Instance
from meshgate.gateway.upstream.instances import Instances
from meshgate.registry.model import Delta, Endpoint
from tests.gateway.calls import Clock, entry, limits


class Listed:
    def __init__(self) -> None:
        self.clock = Clock()
        self.all = Instances(lambda listed: f"secret of {listed.id}", limits(), self.clock, random.Random(1))

    def at(self, name: str) -> Instance:
        found = self.all.get(name)
        assert found is not None
        return found

    def names(self) -> list[str]:
        return sorted(instance.id for instance in self.all)


def test_what_is_put_is_there_until_it_is_gone() -> None:
    listed = Listed()
    listed.all.apply(Delta(put=(entry("a"), entry("b"), entry("g", kind="gateway"))))
    assert (listed.names(), len(listed.all)) == (["a", "b"], 2)
    gone = listed.at("a")
    listed.all.apply(Delta(gone=("a", "never")))
    assert (listed.names(), gone.listed, listed.at("b").listed) == (["b"], False, True)
    assert listed.all.get("a") is None


def test_a_reset_is_the_whole_truth_and_another_delta_is_not() -> None:
    listed = Listed()
    listed.all.apply(Delta(put=(entry("a"), entry("b"))))
    kept, gone = listed.at("a"), listed.at("b")
    listed.all.apply(Delta(put=(entry("c"),)))
    assert listed.names() == ["a", "b", "c"]
    listed.all.apply(Delta(put=(entry("a"),), reset=True))
    assert listed.names() == ["a"]
    assert listed.at("a") is kept
    assert (kept.listed, gone.listed) == (True, False)


def test_an_instance_that_stays_keeps_what_was_learnt_and_takes_what_is_new_of_it() -> None:
    listed = Listed()
    listed.all.apply(Delta(put=(entry("a"),)))
    before = listed.at("a")
    listed.all.apply(Delta(put=(entry("a", version="1.1.0", draining=True),)))
    assert listed.at("a") is before
    assert (before.entry.manifest.version, before.entry.instance.draining) == ("1.1.0", True)


def test_an_instance_at_another_address_is_another_one() -> None:
    listed = Listed()
    listed.all.apply(Delta(put=(entry("a"),)))
    before = listed.at("a")
    before.breaker.trip()
    listed.all.apply(Delta(put=(entry("a", endpoints=(Endpoint("JSONRPC", "http://b"),)),)))
    assert listed.at("a") is not before
    assert (before.listed, listed.at("a").ready()) == (False, True)


def test_an_sdk_agent_is_shown_its_secret_and_a_foreign_one_is_not() -> None:
    listed = Listed()
    listed.all.apply(Delta(put=(entry("a"), entry("f", foreign=True))))
    assert (listed.at("a").secret, listed.at("f").secret) == ("secret of a", "")


def test_some_are_ready_if_one_is_and_the_states_are_counted() -> None:
    listed = Listed()
    listed.all.apply(Delta(put=(entry("a"), entry("b"), entry("c"))))
    assert listed.all.ready(["a", "never"])
    listed.at("a").breaker.trip()
    listed.at("b").healthy = False
    assert not listed.all.ready(["a", "b", "never"])
    assert not listed.all.ready([])
    assert listed.all.ready(["a", "b", "c"])
    assert listed.all.states() == {"open": 1, "unhealthy": 1, "closed": 1}
