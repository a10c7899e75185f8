"""Fixtures that every test may use: real servers."""

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import NoReturn, Protocol, TypeVar

import pytest

from tests.support import servers

# In the background of a script pytest is told to ignore SIGINT, and so is every program that a test interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

S = TypeVar("S", bound=servers.Server)


class StartConsul(Protocol):
    """What the fixture `own_consul` gives."""

    def __call__(self, *, acl: bool = False, tls: bool = False, persistent: bool = False) -> servers.Consul: ...


def unavailable(reason: object) -> NoReturn:
    """Skips with the remedy; where CI is set a test that can't run has failed."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must run this: {reason}", pytrace=False)
    pytest.skip(str(reason))


@pytest.fixture(scope="session")
def consul() -> Iterator[servers.Consul]:
    """A Consul that tests share: each uses names of its own, and none stops it."""
    yield from _running(servers.consul())


@pytest.fixture
def own_consul(request: pytest.FixtureRequest) -> StartConsul:
    """Starts a Consul that the test may pause, kill and restart: `own_consul(acl=True)`."""

    def start(*, acl: bool = False, tls: bool = False, persistent: bool = False) -> servers.Consul:
        running = _running(servers.consul(acl=acl, tls=tls, persistent=persistent))
        started = next(running)
        request.addfinalizer(partial(next, running, None))
        return started

    return start


@pytest.fixture(scope="session")
def jaeger() -> Iterator[servers.Jaeger]:
    """A Jaeger that tests share."""
    yield from _running(servers.jaeger())


def _running(server: AbstractContextManager[S]) -> Iterator[S]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(server)
        except servers.NotAvailable as reason:
            unavailable(reason)
        yield started
