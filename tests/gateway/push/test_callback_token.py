"""The tokens in the URLs that agents call."""

from __future__ import annotations

import re

import pytest

from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.gateway.push.callback_token import CALLBACKS, CallbackTokens

pytestmark = pytest.mark.requirement("push.callbacks")
TAGS = TaskTags(bytes(32))
ONE, TWO = CallbackTokens(TAGS, "gw-1.eu"), CallbackTokens(TAGS, "gw-2")


def test_each_gateway_of_a_mesh_reads_the_tokens_of_all() -> None:
    token = ONE.make("a-handle_1")
    assert TWO.read(token) == ONE.read(token) == ("gw-1.eu", "a-handle_1")
    assert TWO.read(TWO.make("a-handle_1")) == ("gw-2", "a-handle_1")
    # As it stands in a URL, with nothing to encode, and 96 bits that nobody guesses.
    assert re.fullmatch(r"gw-1\.eu\.a-handle_1\.[A-Za-z0-9_-]{16}", token)
    assert CALLBACKS == "/callbacks/"


@pytest.mark.parametrize("place", range(len(ONE.make("a-handle_1"))))
def test_a_token_in_which_anything_is_changed_is_none(place: int) -> None:
    token = ONE.make("a-handle_1")
    other = "b" if token[place] != "b" else "c"
    assert ONE.read(token[:place] + other + token[place + 1 :]) is None


def test_what_no_gateway_of_this_mesh_made_is_none() -> None:
    token = ONE.make("a-handle_1")
    mac = token.rpartition(".")[2]
    forged = (
        *("", ".", "..", "gw-1.eu", "gw-1.eu.a-handle_1", "gw-1.eu.a-handle_1.", f".{token}", f"{token}=", f"{token}."),
        *(
            token[:-1],
            token[1:],
            token.swapcase(),
            f"gw-2.a-handle_1.{mac}",
            f"a-handle_1.{mac}",
            f"..{mac}",
            "x" * 10_000,
        ),
        *("gw.h.\u00e9", "\u00e9.\u00e9.\u00e9", "\udc80.h.m", "gw.\udc80.m", "gw.h.\udc80", "gw\x00.h.m"),
        CallbackTokens(TaskTags(bytes(31) + b"1"), "gw-1.eu").make("a-handle_1"),
        # Made for another purpose under the same key.
        TAGS.tag("a-handle_1", tenant="gw-1.eu", owner="o", agent="a", instance="i"),
    )
    assert [one for one in forged if ONE.read(one) is not None] == []
