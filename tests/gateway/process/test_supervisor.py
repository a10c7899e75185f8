"""The supervisor of ``--workers``: how workers are told what to be, started again, counted when they die, and ended."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from meshgate.gateway.config import Config, ConfigError
from meshgate.gateway.identity.key_list import KeyList
from meshgate.gateway.identity.secrets import Secrets
from meshgate.gateway.process.server import Signals
from meshgate.gateway.process.supervisor import Deaths, Orders, Worker, all_up, end_workers, run_workers
from meshgate.registry.home import Home
from meshgate.registry.index import Index
from meshgate.registry.model import Delta
from tests.gateway.calls import Clock, entry, limits
from tests.support.gateway import environment
from tests.support.virtual_loop import elapsed, settle, virtual_time

ORDERS = Orders(Config(workers=2, limits=limits(depth=5)), bytes(range(32)), "/home")


class Child:
    """A process on virtual time, which lives for so many seconds unless it is asked to end."""

    def __init__(self, pid: int, lives: float, *, obeys: bool = True) -> None:
        self.pid, self.returncode = pid, None
        self.told = b""
        self.asked = 0
        self._obeys = obeys
        self._end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(lives, self._exit, 1)

    returncode: int | None

    @property
    def stdin(self) -> Child:
        return self

    def write(self, data: bytes, /) -> None:
        self.told += data

    def _exit(self, code: int) -> None:
        if not self._end.done():
            self.returncode = code
            self._end.set_result(code)

    async def wait(self) -> int:
        return await asyncio.shield(self._end)

    def terminate(self) -> None:
        self.asked += 1
        if self._obeys or self.asked > 1:
            self._exit(-15)


class Nursery:
    """Starts children that live as long as is listed, and notes when; None is one that cannot be started."""

    def __init__(self, *lives: float | None, obeys: bool = True, orders: Orders = ORDERS) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.started: list[float] = []
        self.children: list[Child] = []
        self.deaths = 0
        self._lives = list(lives)
        self._obeys = obeys
        self.worker = Worker(orders, self._died, self._start)
        self.running = asyncio.ensure_future(self.worker.run())

    async def _start(self) -> Child:
        self.started.append(round(self.loop.time() - self.began, 6))
        lives = self._lives.pop(0) if self._lives else 1e6
        if lives is None:
            raise BlockingIOError("no more processes")
        self.children.append(Child(len(self.children), lives, obeys=self._obeys))
        return self.children[-1]

    def _died(self) -> None:
        self.deaths += 1


@virtual_time
async def test_a_worker_that_dies_is_started_again_after_a_pause_that_doubles_up_to_five_seconds() -> None:
    nursery = Nursery(*[0.0] * 8)
    await asyncio.sleep(100.0)
    pauses = [later - before for before, later in zip(nursery.started, nursery.started[1:], strict=False)]
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0])
    assert nursery.deaths == 8
    nursery.running.cancel()


@virtual_time
async def test_a_long_life_makes_the_pause_short_again_and_a_minute_is_not_long() -> None:
    nursery = Nursery(0.0, 0.0, 60.0, 60.5, 0.0)
    await asyncio.sleep(200.0)
    assert nursery.started == [0.0, 0.2, 0.6, 61.4, 122.0, 122.2]
    nursery.running.cancel()


@virtual_time
async def test_the_pauses_of_workers_and_what_is_a_long_life_are_limits() -> None:
    changed = limits(worker_restart=1.0, worker_restart_max=3.0, worker_deaths_window=10.0)
    orders = msgspec.structs.replace(ORDERS, config=Config(workers=2, limits=changed))
    nursery = Nursery(0.0, 0.0, 11.0, 0.0, orders=orders)
    await asyncio.sleep(100.0)
    assert nursery.started == [0.0, 2.0, 5.0, 17.0, 19.0]
    nursery.running.cancel()


@virtual_time
async def test_a_worker_that_cannot_be_started_is_tried_again_and_counts_as_a_death() -> None:
    nursery = Nursery(None, None)
    await asyncio.sleep(10.0)
    assert (nursery.started, nursery.deaths, len(nursery.children)) == ([0.0, 0.2, 0.6], 2, 1)
    nursery.running.cancel()


@virtual_time
async def test_each_worker_is_told_its_orders_as_one_line_on_its_standard_input() -> None:
    nursery = Nursery(0.0, 0.0)
    await asyncio.sleep(10.0)
    assert len(nursery.children) == 3
    for child in nursery.children:
        line, end, rest = child.told.partition(b"\n")
        assert (end, rest) == (b"\n", b"")
        assert msgspec.json.decode(line, type=Orders) == ORDERS
    nursery.running.cancel()


@pytest.mark.parametrize(("apart", "ended"), [(14.999999, True), (15.0, False), (0.0, True)])
def test_five_deaths_in_less_than_a_minute_end_the_supervisor(apart: float, ended: bool) -> None:
    clock, told = Clock(), list[float]()
    deaths = Deaths(lambda: told.append(clock.now), clock)
    for _ in range(4):
        deaths.note()
        clock.now += apart
    assert told == []
    deaths.note()
    assert bool(told) is ended


def test_how_many_deaths_end_the_supervisor_and_in_which_time_are_limits() -> None:
    clock, told = Clock(), list[float]()
    deaths = Deaths(lambda: told.append(clock.now), clock, limits(worker_deaths=2, worker_deaths_window=3.0))
    deaths.note()
    clock.now += 3.0
    deaths.note()
    assert told == []
    clock.now += 2.999999
    deaths.note()
    assert told == [clock.now]


def test_only_the_last_five_deaths_count() -> None:
    clock, told = Clock(), list[float]()
    deaths = Deaths(lambda: told.append(clock.now), clock)
    for _ in range(100):
        deaths.note()
        clock.now += 15.0
    deaths.note()
    assert told == []
    deaths.note()
    assert told == [clock.now]


@virtual_time
async def test_at_the_end_every_worker_is_asked_once_to_drain_and_is_waited_for_and_none_is_started_again() -> None:
    nurseries = [Nursery(0.0), Nursery()]
    await asyncio.sleep(50.0)
    await end_workers([one.worker for one in nurseries], [one.running for one in nurseries], Signals())
    assert [[child.asked for child in one.children] for one in nurseries] == [[0, 1], [1]]
    assert [one.children[-1].returncode for one in nurseries] == [-15, -15]
    await asyncio.sleep(100.0)
    assert [len(one.started) for one in nurseries] == [2, 1]


@virtual_time
async def test_a_second_signal_asks_a_worker_that_still_drains_a_second_time() -> None:
    nursery, signals = Nursery(obeys=False), Signals()
    await settle()
    ending = asyncio.ensure_future(end_workers([nursery.worker], [nursery.running], signals))
    await asyncio.sleep(20.0)
    assert (ending.done(), nursery.children[0].asked) == (False, 1)
    signals.hurry.set()
    await ending
    assert nursery.children[0].asked == 2


@virtual_time
async def test_a_worker_that_was_never_started_or_is_gone_is_not_waited_for() -> None:
    unborn = Worker(ORDERS, lambda: None)
    gone = Nursery(0.0)
    await asyncio.sleep(0.1)
    await end_workers([unborn, gone.worker], [gone.running], Signals())
    assert gone.children[0].asked == 0


@virtual_time
async def test_the_workers_are_up_when_each_stands_in_the_registry_and_not_after_half_a_minute() -> None:
    index, signals = Index(), Signals()
    waiting = asyncio.ensure_future(all_up(index, 2, signals))
    index.apply(Delta(put=(entry("gw1", "gateway", kind="gateway"),)))
    await asyncio.sleep(29.0)
    assert not waiting.done()
    index.apply(Delta(put=(entry("gw2", "gateway", kind="gateway"),)))
    assert await elapsed(waiting) <= 0.05 + 1e-6
    with pytest.raises(ConfigError, match="did not come up within 30 s"):
        await all_up(index, 3, signals)
    with pytest.raises(ConfigError, match="did not come up within 2 s"):
        await all_up(index, 3, signals, 2.0)
    signals.stop.set()
    assert await elapsed(all_up(index, 3, signals)) == 0.0


async def test_workers_need_a_registry_that_processes_share(tmp_path: Path) -> None:
    config = Config(workers=2, registry="memory:")
    with pytest.raises(ConfigError, match="needs a registry that processes share"):
        await run_workers(config, Secrets(ORDERS.mesh, KeyList()), Home(tmp_path), lambda _: None)


# -- with real processes

CHILD = """
import sys
print(sys.stdin.readline().strip(), flush=True)
sys.stdin.read()
print("the input ended", flush=True)
"""


Process = asyncio.subprocess.Process


def starter(started: asyncio.Queue[Process]) -> Callable[[], Awaitable[Process]]:
    async def start() -> Process:
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, stdin=pipe, stdout=pipe)
        started.put_nowait(child)
        return child

    return start


async def said(child: Process) -> bytes:
    assert child.stdout is not None
    return await child.stdout.readline()


async def test_a_real_child_reads_its_orders_is_started_again_when_it_is_killed_and_ends_by_a_signal() -> None:
    started: asyncio.Queue[Process] = asyncio.Queue()
    worker = Worker(ORDERS, lambda: None, starter(started))
    running = asyncio.ensure_future(worker.run())
    first = await started.get()
    assert msgspec.json.decode(await said(first), type=Orders) == ORDERS
    first.kill()
    second = await started.get()
    assert msgspec.json.decode(await said(second), type=Orders) == ORDERS
    await end_workers([worker], [running], Signals())
    assert [first.returncode, second.returncode] == [-signal.SIGKILL, -signal.SIGTERM]
    assert started.empty()


async def test_a_child_hears_that_its_supervisor_is_gone_by_the_end_of_its_input() -> None:
    started: asyncio.Queue[Process] = asyncio.Queue()
    worker = Worker(ORDERS, lambda: None, starter(started))
    running = asyncio.ensure_future(worker.run())
    child = await started.get()
    assert msgspec.json.decode(await said(child), type=Orders) == ORDERS
    assert child.stdin is not None
    child.stdin.close()
    assert await said(child) == b"the input ended\n"
    assert await child.wait() == 0
    await end_workers([worker], [running], Signals())


async def test_what_is_no_orders_is_answered_with_what_to_run_instead(tmp_path: Path) -> None:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "meshgate.gateway")
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stderr=pipe, env=environment(), cwd=tmp_path)
    _, errors = await child.communicate(b"garbage\n")
    assert child.returncode == 1
    assert errors.decode().splitlines() == [
        "this is a worker of 'meshgate up --workers N', which starts it; run that instead"
    ]
