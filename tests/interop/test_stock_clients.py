"""Stock clients, unchanged: each gets through the gateway what it gets from the agent itself."""

import pytest

from tests.interop import builds
from tests.interop.clients import CLIENTS, MIXED, Client
from tests.interop.comparison import EXCEPTIONS, differences, exempts
from tests.interop.conftest import Saw, Way
from tests.interop.conversation import BOOKED, GREETING, QUESTION
from tests.interop.table import exceptions, table

pytestmark = [pytest.mark.interop, pytest.mark.timeout(1200)]  # with a cold cache the first of a language builds

WAYS: tuple[Way, ...] = ("direct", "agent", "skill")
THROUGH: tuple[Way, ...] = ("agent", "skill")
PAGE = builds.HERE.parents[1] / "docs" / "interop.md"
each_client = pytest.mark.parametrize("client", CLIENTS, ids=[client.id for client in CLIENTS])


@pytest.mark.requirement("interop.all")
@pytest.mark.parametrize("way", WAYS)
@each_client
def test_a_stock_client_gets_all_that_the_agent_says(saw: Saw, client: Client, way: Way) -> None:
    document = saw(client, way)
    heard = client.read(document)

    assert heard.unary == "HELLO"
    assert heard.stream == ["1 ", "2 ", "3 "]
    assert heard.message == [GREETING, GREETING]
    assert heard.turns == [QUESTION, BOOKED]
    assert heard.received in (None, list(client.received))
    assert heard.get in (None, "TASK_STATE_COMPLETED", "goes on")
    assert heard.kept == "HELLO"
    assert heard.listed in (None, True)
    assert heard.cancel in (None, ["TASK_STATE_WORKING", "TASK_STATE_CANCELED", "TASK_STATE_CANCELED"])
    # Agent Framework shows a task that failed as the caller's own words.
    assert heard.failed == ("nonsense" if client.folder == "agent_framework" else "TASK_STATE_FAILED")
    unlike = {
        name: document["errors"][name] for name in client.meets if not client.knows(name, document["errors"][name])
    }
    assert unlike == {}


@pytest.mark.requirement("interop.same")
@pytest.mark.parametrize("way", THROUGH)
@each_client
def test_a_stock_client_sees_through_the_gateway_what_it_sees_directly(saw: Saw, client: Client, way: Way) -> None:
    found = differences(saw(client, "direct"), saw(client, way))
    assert [one for one in found if exempts(one, way) is None] == []


@each_client
def test_the_gateway_was_in_between(saw: Saw, client: Client) -> None:
    """Its ids of tasks name where they are, and a client keeps them as they are."""
    assert {way: "~" in repr(saw(client, way)) for way in WAYS} == {"direct": False, "agent": True, "skill": True}


def test_every_exception_is_one_that_some_client_meets(saw: Saw) -> None:
    met = {
        exempts(one, way)
        for client in CLIENTS
        for way in THROUGH
        for one in differences(saw(client, "direct"), saw(client, way))
    }
    assert [one for one in EXCEPTIONS if one not in met] == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("client", MIXED, ids=[client.id for client in MIXED])
def test_a_client_that_mixes_two_versions_reads_no_answer(saw: Saw, client: Client, way: Way) -> None:
    assert saw(client, way)["errors"] == MIXED[client]


def test_the_page_has_the_table_of_this_run(saw: Saw) -> None:
    made = table({(client.id, way): saw(client, way) for client in (*CLIENTS, *MIXED) for way in WAYS})
    assert len(made.splitlines()) == 2 + len(CLIENTS) + len(MIXED)
    for wanted in (made, exceptions()):
        assert wanted in PAGE.read_text("utf-8"), f"docs/interop.md wants this:\n{wanted}"
