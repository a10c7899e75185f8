"""The index of what is registered, kept current by deltas: the path of a call reads it instead of asking a registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.version_syntax import parse_version
from meshgate.a2a.versions import Version
from meshgate.registry.groups import Offer
from meshgate.registry.model import Delta, Entry, Switch

__all__ = ["Index", "version_of", "version_order"]


@lru_cache(maxsize=4096)
def version_of(text: str) -> Version:
    """The version that ``text`` spells; 0.0.0 for what is none (a foreign agent's "2024-05", say)."""
    try:
        return parse_version(text)
    except InvalidParams:
        return Version(0)


def version_order(text: str) -> tuple[Version, str]:
    """What versions are sorted by: 9.0.0 before 10.0.0, a pre-release before its release, equal ones by their text."""
    return version_of(text), text


class Index:
    """All entries, indexed by agent and by skill. ``revision`` grows with every change, so results can be cached."""

    def __init__(self) -> None:
        self.revision = 0
        self.switches: tuple[Switch, ...] = ()
        self.subjects: Mapping[str, str] = {}
        """All subjects, ``AGENT/SKILL`` to the digest of its document; replaced as a whole, never changed."""
        self._entries: dict[str, Entry] = {}
        self._agents: dict[str, dict[str, tuple[Offer, ...]]] = {}
        self._skills: dict[str, dict[str, tuple[Offer, ...]]] = {}

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Agents and gateways by instance id, read-only."""
        return MappingProxyType(self._entries)

    @property
    def gateways(self) -> tuple[Entry, ...]:
        """The gateways, by instance id."""
        every = (self._entries[key] for key in sorted(self._entries))
        return tuple(entry for entry in every if entry.instance.kind == "gateway")

    def instances_of(self, agent: str) -> tuple[Entry, ...]:
        """The agent's instances, of every tenant, by instance id."""
        return tuple(self._entries[key] for key in sorted(self._agents.get(agent, {})))

    def of_agent(self, agent: str) -> Iterator[Offer]:
        """What the agent offers when it is called by its name."""
        for offers in self._agents.get(agent, {}).values():
            yield from offers

    def by_name(self, agent: str) -> Iterator[Offer]:
        """Each instance of the agent as one that decides itself which of its skills is meant."""
        for key in self._agents.get(agent, {}):
            yield _by_name(self._entries[key])

    def of_skill(self, skill: str) -> Iterator[Offer]:
        """Who offers the skill, at every version and in every tenant."""
        for offers in self._skills.get(skill, {}).values():
            yield from offers

    def offers(self) -> Iterator[Offer]:
        """Every declared skill of every instance, and "*" for a foreign agent that declares none."""
        for key, entry in self._entries.items():
            own = tuple(_by_skill(entry)) if entry.instance.kind == "agent" else ()
            yield from own or self._agents.get(entry.instance.agent, {}).get(key, ())

    def apply(self, delta: Delta) -> bool:
        """Take a delta in; True if that changed anything."""
        changed = False
        if delta.reset:
            kept = {entry.instance.id for entry in delta.put}
            for key in [key for key in self._entries if key not in kept]:
                changed |= self._remove(key)
        for key in delta.gone:
            changed |= self._remove(key)
        for entry in delta.put:
            if not entry.same(self._entries.get(entry.instance.id)):
                self._remove(entry.instance.id)
                self._add(entry)
                changed = True
        if delta.switches is not None and delta.switches != self.switches:
            self.switches = delta.switches
            changed = True
        if delta.subjects is not None and delta.subjects != self.subjects:
            self.subjects = delta.subjects
            changed = True
        self.revision += changed
        return changed

    def _add(self, entry: Entry) -> None:
        key = entry.instance.id
        self._entries[key] = entry
        if entry.instance.kind != "agent":
            return
        own = tuple(_by_skill(entry))
        # A foreign agent called by name counts as (agent, *): it may use any of its skills.
        by_name = (_by_name(entry),) if entry.manifest.foreign else own
        self._agents.setdefault(entry.instance.agent, {})[key] = by_name
        for skill in {offer.skill for offer in own}:
            self._skills.setdefault(skill, {})[key] = tuple(offer for offer in own if offer.skill == skill)

    def _remove(self, key: str) -> bool:
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        _discard(self._agents, entry.instance.agent, key)
        for capability in entry.manifest.skills:
            _discard(self._skills, capability.skill, key)
        return True


def _by_skill(entry: Entry) -> Iterator[Offer]:
    for one in entry.manifest.skills:
        if one.skill != "*":  # means "any skill" here, so a skill can't be called that
            yield Offer(entry, entry.instance.agent, one.skill, version_of(one.version), one.version, one)


def _by_name(entry: Entry) -> Offer:
    text = entry.manifest.version
    return Offer(entry, entry.instance.agent, "*", version_of(text), text, None)


def _discard(index: dict[str, dict[str, tuple[Offer, ...]]], name: str, key: str) -> None:
    members = index.get(name)
    if members is not None and members.pop(key, None) is not None and not members:
        del index[name]
