"""Hold-down: which part of a loss is believed, and when."""

from __future__ import annotations

import pytest

from meshgate.a2a.limits import Limits
from meshgate.registry.hold_down import HoldDown
from meshgate.registry.model import Delta, Entry, Switch
from tests.registry.samples import entry


def known(count: int) -> dict[str, Entry]:
    return {f"a{number}": entry(f"a{number}") for number in range(count)}


def names(*numbers: int) -> tuple[str, ...]:
    return tuple(f"a{number}" for number in numbers)


def test_a_loss_of_half_is_believed_at_once() -> None:
    hold = HoldDown()

    assert hold.sift(Delta(gone=names(0, 1, 2, 3)), known(8), 0.0).gone == names(0, 1, 2, 3)
    assert hold.due() is None


@pytest.mark.requirement("registry.hold_down")
def test_a_loss_of_more_than_half_is_held_until_time_confirms_it() -> None:
    hold = HoldDown(hold=30.0)

    assert hold.sift(Delta(gone=names(0, 1, 2, 3, 4)), known(8), 100.0).gone == ()
    assert hold.held == set(names(0, 1, 2, 3, 4))
    assert hold.due() == 130.0
    assert hold.release(129.9) is None
    assert hold.release(130.0) == Delta(gone=names(0, 1, 2, 3, 4))
    assert hold.held == frozenset()


def test_what_comes_back_is_no_longer_held() -> None:
    hold = HoldDown(hold=30.0)
    hold.sift(Delta(gone=names(0, 1, 2)), known(4), 0.0)
    hold.sift(Delta(put=(entry("a1"),)), known(4), 5.0)

    assert hold.held == set(names(0, 2))
    assert hold.release(30.0) == Delta(gone=names(0, 2))


def test_one_or_two_that_go_are_believed_even_if_they_are_all() -> None:
    assert HoldDown().sift(Delta(gone=names(0, 1)), known(2), 0.0).gone == names(0, 1)


def test_a_registry_that_began_anew_is_doubted_even_about_one() -> None:
    assert HoldDown().sift(Delta(reset=True, switches=()), known(1), 0.0).gone == ()


def test_a_reset_that_lists_most_is_believed_about_the_rest_after_one_lease() -> None:
    everything, hold = known(4), HoldDown(grace=10.0)
    listed = tuple(everything[name] for name in names(0, 1, 2))

    assert hold.sift(Delta(put=listed, switches=(), reset=True), everything, 0.0) == Delta(switches=())
    assert hold.release(9.9) is None
    assert hold.release(10.0) == Delta(gone=names(3))


def test_a_loss_in_small_pieces_adds_up() -> None:
    hold, left = HoldDown(window=10.0), known(10)
    believed = 0
    for number in range(10):
        sifted = hold.sift(Delta(gone=names(number)), left, float(number))
        believed += len(sifted.gone)
        for gone in sifted.gone:
            del left[gone]

    assert believed == 5
    assert len(hold.held) == 5


def test_a_slow_loss_is_believed_to_the_end() -> None:
    hold, left = HoldDown(window=10.0), known(10)
    for number in range(10):
        for gone in hold.sift(Delta(gone=names(number)), left, number * 11.0).gone:
            del left[gone]

    assert left == {}


def test_whoever_drained_first_goes_at_once() -> None:
    entries = {name: entry(name, draining=name != "a0") for name in names(0, 1, 2, 3, 4)}

    assert HoldDown().sift(Delta(gone=names(1, 2, 3, 4)), entries, 0.0).gone == names(1, 2, 3, 4)


def test_a_further_reset_does_not_renew_the_hold() -> None:
    hold = HoldDown(hold=30.0)
    hold.sift(Delta(reset=True, switches=()), known(4), 0.0)
    hold.sift(Delta(reset=True, switches=()), known(4), 20.0)

    assert hold.due() == 30.0


def test_while_the_registry_is_away_time_confirms_nothing() -> None:
    hold = HoldDown(hold=30.0)
    hold.sift(Delta(reset=True, switches=()), known(4), 0.0)
    hold.forget()

    assert hold.release(1000.0) is None


def test_kill_switches_are_believed_at_once() -> None:
    switches = (Switch("agent", "rogue"),)

    assert HoldDown().sift(Delta(reset=True, switches=switches), known(4), 0.0).switches == switches


def test_the_rule_takes_the_limits_of_a_gateway() -> None:
    limits = Limits(
        hold_down=5.0, hold_down_grace=2.0, hold_down_share=0.25, hold_down_window=1.0, hold_down_floor=1
    )  # fmt: skip
    hold = HoldDown.within(limits)
    assert hold.sift(Delta(gone=names(0)), known(4), 0.0).gone == names(0)  # a quarter is not more than a quarter
    assert hold.sift(Delta(gone=names(1)), known(4), 0.5).gone == ()
    assert hold.due() == 5.5
    later = HoldDown.within(limits)
    later.sift(Delta(gone=names(0)), known(4), 0.0)
    assert later.sift(Delta(gone=names(1)), known(4), 1.5).gone == names(1)
    everything = known(8)
    listed = tuple(everything[name] for name in names(*range(7)))
    back = HoldDown.within(limits)
    back.sift(Delta(put=listed, switches=(), reset=True), everything, 0.0)
    assert back.due() == 2.0
