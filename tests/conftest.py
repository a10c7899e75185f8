"""Fixtures that every test may use: real servers. And the limits in time that every test has."""

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import NoReturn, Protocol, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests.support import servers
from tests.support.error_texts import collected, faults_of
from tests.support.patience import patience

# In the background of a script pytest is told to ignore SIGINT, and so is every program that a test interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is; what hangs meets the limit of its test.
settings.register_profile("no deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no deadline")

S = TypeVar("S", bound=servers.Server)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test its limit, or that of pyproject.toml, as long as the machine needs it."""
    if config.getoption("timeout") is not None:  # the command line's word is the last
        return
    usual = float(config.getini("timeout"))
    for item in items:
        own = item.get_closest_marker("timeout")
        item.add_marker(pytest.mark.timeout(patience(own.args[0] if own else usual)), append=False)


@pytest.fixture(autouse=True)
def _error_texts() -> Iterator[None]:
    """Each error that a test lets the mesh make says in plain words what is wrong (requirement errors.words)."""
    with collected() as texts:
        yield
    told = [f"{place}: {fault}: {text}" for text, place in texts.items() for fault in faults_of(text, place)]
    assert not told, "\n".join(told)


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
