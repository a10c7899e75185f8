"""The feed of what Consul lists, by four blocking queries for all watches: agents, gateways, switches, subjects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from meshgate.registry.async_wait import Sleep
from meshgate.registry.backends.consul.entry import Layout, instance_of, subject_of, switch_of
from meshgate.registry.backends.consul.health import Liveness
from meshgate.registry.backends.model import Snapshot
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.model import Entry, Instance, Manifest, Switch, Unread

LACKING_WAIT = 1.0
"""Seconds until missing manifests are looked for again: storing one is no change of the catalogue."""

__all__ = ["ConsulFeed", "TokenBucket", "follow_index"]

log = logging.getLogger("meshgate.registry")

Ask = Callable[[int, float], Awaitable[tuple[str, Any]]]
"""One blocking query: (index, seconds to wait) to (new index, what is there)."""
Fetch = Callable[[str], Awaitable[Manifest | None]]


def follow_index(old: int, answered: str) -> tuple[int, bool]:
    """The index to ask with next, and whether Consul's went backwards (it was restored or restarted from nothing).

    As Consul's documentation of blocking queries demands: begin again at 0 if it went backwards, and never keep a 0,
    which would make every query return at once.
    """
    new = int(answered)
    if new < old:
        return 0, True
    return max(new, 1), False


class TokenBucket:
    """A rate limit: a burst of wake-ups at once, then so many a second.

    Args:
        rate: tokens a second.
        burst: how many are there at first, and at most.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at: float | None = None

    def take(self, now: float) -> float:
        """Take one token, and return the seconds to wait until it would have been there."""
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)


class ConsulFeed:
    """The current :class:`Snapshot`, for any number of watches of one process.

    Args:
        layout: names.
        asks: the four blocking queries, by what they return: "agents", "gateways", "switches", "subjects".
        fetch: reads a manifest from the KV store.
        wait: seconds that a blocking query may wait for news.
        ttl: seconds that a lease lasts.
        settle: seconds that a Consul agent may take to bring the catalogue up to date after a restart.
        clock: seconds, monotonic.
        sleep: how to wait.
    """

    def __init__(
        self,
        layout: Layout,
        asks: Mapping[str, Ask],
        fetch: Fetch,
        *,
        wait: float,
        ttl: float,
        settle: float,
        clock: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._layout = layout
        self._asks = asks
        self._fetch = fetch
        self._wait = wait
        self._clock = clock
        self._sleep = sleep
        self._judges = {name: Liveness(ttl, settle) for name in ("agents", "gateways")}
        self._found: dict[str, Mapping[str, Entry]] = {}
        self._switches: tuple[Switch, ...] | None = None
        self._subjects: Mapping[str, str] | None = None
        self._unread: dict[str, dict[str, Unread]] = {}
        self._manifests: dict[str, Manifest] = {}
        self._odd: set[str] = set()
        self.state: Snapshot | None = None
        """None until all four queries have answered once."""
        self.lacking: set[str] = set()
        """Ids of agents whose manifest is not in the KV store: left out until they register again."""
        self.resets = 0
        """How often Consul's index went backwards: then ``state`` does not follow from the one before."""
        self.error: Exception | None = None
        """Why the feed ended, if it has."""
        self.changed = asyncio.Event()
        """Set, and replaced, at every change."""

    async def run(self) -> None:
        """Keep the state until something fails; then ``error`` says what."""
        try:
            async with asyncio.TaskGroup() as group:
                for name, ask in self._asks.items():
                    group.create_task(self._poll(name, ask))
        except* Exception as failures:  # noqa: BLE001 - each watch raises it
            self.error = _first(failures)
        finally:
            self._wake()

    async def _poll(self, name: str, ask: Ask) -> None:
        index, bucket = 0, TokenBucket(rate=4.0, burst=2)
        while True:
            answered, found = await ask(index, self._patience(name))
            index, backwards = follow_index(index, answered)
            if backwards:
                self.resets += 1
                self._manifests.clear()
            await self._take(name, found)
            # A storm of changes is read four times a second, not once a change.
            await self._sleep(bucket.take(self._clock()))

    def _patience(self, name: str) -> float:
        if name == "agents" and self.lacking:
            return min(self._wait, LACKING_WAIT)
        again = self._judges[name].again if name in self._judges else None
        return self._wait if again is None else min(self._wait, max(0.05, again - self._clock()))

    async def _take(self, name: str, found: Any) -> None:
        if name == "switches":
            switches = {item["Key"]: switch_of(item["Key"], item["Value"], self._layout) for item in _rows(found)}
            self._switches = tuple(sorted(switch for switch in switches.values() if switch is not None))
            self._unread[name] = {key: "switch" for key, switch in switches.items() if switch is None}
        elif name == "subjects":
            subjects = {item["Key"]: subject_of(item["Key"], item["Value"], self._layout) for item in _rows(found)}
            self._subjects = dict(subject for subject in subjects.values() if subject is not None)
            self._unread[name] = {key: "subject" for key, subject in subjects.items() if subject is None}
        else:
            self._found[name] = await self._entries(name, found or ())
        if self._switches is None or self._subjects is None or len(self._found) < len(self._judges):
            return
        entries = {key: entry for part in self._found.values() for key, entry in part.items()}
        unread: dict[str, Unread] = {key: why for part in self._unread.values() for key, why in part.items()}
        self.state = Snapshot(entries, self._switches, self._subjects, unread)
        self._prune()
        self._wake()

    async def _entries(self, name: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Entry]:
        now, judge = self._clock(), self._judges[name]
        judge.begin(now)
        best: dict[str, tuple[tuple[bool, int], Instance]] = {}
        keys: set[str] = set()
        unread: dict[str, Unread] = {}
        for item in found:
            service, key = item["Service"], f"{item['Node']['Node']}/{item['Service']['ID']}"
            keys.add(key)
            try:
                instance, lease = instance_of(service, self._layout)
            except (ValueError, KeyError) as error:
                self._once(key, f"the service entry {key} cannot be read: {error}")
                unread[key] = "unreadable"
                continue
            interval = instance.check.interval if instance.check else 0.0
            alive = judge.alive(key, item["Checks"], lease, interval, now)
            # An instance that moved to another gateway is listed under two nodes for a while: the later entry is true.
            rank = (alive, int(service.get("ModifyIndex", 0)))
            if instance.id not in best or best[instance.id][0] < rank:
                best[instance.id] = rank, instance
        judge.keep(keys)
        living = [instance for (alive, _), instance in best.values() if alive]
        agents = [instance for instance in living if instance.kind == "agent"]
        await self._fetch_manifests({instance.manifest for instance in agents})
        if name == "agents":
            self.lacking = {instance.id for instance in agents if instance.manifest not in self._manifests}
            for key in self.lacking:
                unread[key] = "manifest"
        self._unread[name] = unread
        return {
            instance.id: Entry.of(instance, self._manifests.get(instance.manifest))
            for instance in living
            if instance.kind != "agent" or instance.manifest in self._manifests
        }

    async def _fetch_manifests(self, digests: set[str]) -> None:
        for digest in sorted(digests - self._manifests.keys()):
            manifest = await self._fetch(digest)
            if manifest is None:
                self._once(digest, f"the manifest {digest} is missing from Consul: its instances are left out")
            else:
                self._manifests[digest] = manifest

    def _prune(self) -> None:
        used = {entry.instance.manifest for part in self._found.values() for entry in part.values()}
        self._manifests = {digest: manifest for digest, manifest in self._manifests.items() if digest in used}

    def _once(self, key: str, message: str) -> None:
        if key not in self._odd and len(self._odd) < 1000:
            self._odd.add(key)
            log.warning(message)

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


def _rows(found: Sequence[Mapping[str, Any]] | None) -> list[Mapping[str, Any]]:
    """The keys that hold something: one that ends in a slash is a folder, which Consul's UI makes."""
    return [item for item in found or () if not item["Key"].endswith("/")]


def _first(failures: BaseExceptionGroup[Exception]) -> Exception:
    """A failure of the registry if there is one among them, else any."""
    leaves = list(_leaves(failures))
    return next((leaf for leaf in leaves if isinstance(leaf, RegistryUnavailable)), leaves[0])


def _leaves(failures: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            yield from _leaves(failure)
        else:
            yield failure
