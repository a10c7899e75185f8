"""An agent as the catalogue lists it for one caller: its newest release, cut to the skills that the caller may use."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from meshgate.a2a.cards import CARD_PATH
from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.mesh.tenants import DEFAULT_TENANT
from meshgate.registry.groups import ANY_SKILL, Group
from meshgate.registry.index import version_order
from meshgate.registry.model import Capability, Entry

__all__ = ["AGENT_TYPE", "AgentEntry", "entries_of"]

AGENT_TYPE = "application/a2a-agent-card+json"
"""The media type of an A2A agent card (ARD 0.91, section 3.3)."""

_TEXT = 1000
"""Characters of an agent's or a skill's description that the catalogue takes."""
_SHORT = 200
"""Characters of a name, a tag or an example that it takes."""
_TAGS = 32
"""Most tags of an agent in the catalogue."""
_SKILLS = 100
"""Most skills of an agent in the catalogue."""
_EXAMPLES = 100
"""Most examples of an agent's skills that a search looks at."""
_FEWEST_QUERIES, _MOST_QUERIES = 2, 5
"""``representativeQueries`` of an entry (ARD 0.91, section 4.2)."""


class AgentEntry(msgspec.Struct, frozen=True):
    """One agent of one tenant, as the catalogue lists it."""

    key: Hashable
    """Names the content: entries with equal keys are equal."""
    identifier: str
    """``urn:air:DOMAIN:[TENANT:]NAME`` (ARD 0.91, appendix C)."""
    agent: str
    """Its name in the mesh."""
    name: str
    """The name on its card."""
    version: str
    description: str
    skills: tuple[str, ...]
    tags: tuple[str, ...]
    skill_texts: tuple[str, ...]
    """The skills' names and descriptions."""
    examples: tuple[str, ...]
    """What its skills give as examples of what they are asked."""

    @property
    def publisher(self) -> str:
        """The domain of its identifier."""
        return self.identifier.split(":")[2]

    @property
    def queries(self) -> tuple[str, ...]:
        """Two to five examples of what it is asked; descriptions make up for missing ones. Empty if there is no two."""
        found = self.examples[:_MOST_QUERIES]
        if len(found) < _FEWEST_QUERIES:
            spare = (*found, *(text for text in self.skill_texts if " " in text), self.description)
            found = tuple(dict.fromkeys(text for text in spare if text))[:_FEWEST_QUERIES]
        return found if len(found) >= _FEWEST_QUERIES else ()

    def tree(self, base: str) -> dict[str, Any]:
        """The complete ARD entry (section 4.2), as JSON.

        Args:
            base: the URL of the data plane, as the caller reaches it.
        """
        found = self.result(base)
        return {**found, "representativeQueries": self.queries} if self.queries else found

    def result(self, base: str) -> dict[str, Any]:
        """What of the entry a list of results has (section 5.3.2): all but the example queries."""
        told = {"description": self.description, "tags": self.tags, "capabilities": self.skills}
        return {
            "identifier": self.identifier,
            "displayName": self.name,
            "type": AGENT_TYPE,
            "url": f"{base}/agents/{self.agent}{CARD_PATH}",
            "version": self.version,
            **{key: value for key, value in told.items() if value},
        }


def entries_of(groups: Iterable[Group], domain: str) -> list[AgentEntry]:
    """The agents that have these skills, by name.

    Of two tenants' agents of one name only one is listed: the one whose card is served under the name.

    Args:
        groups: every skill that the caller may use, as ``Routes.usable`` gives them.
        domain: the publisher in identifiers.
    """
    agents: dict[str, list[Group]] = {}
    for group in groups:
        own = agents.setdefault(group.agent, [])
        if not own or _tenant(own[0]) == _tenant(group):
            own.append(group)
    return [_entry(agent, agents[agent], domain) for agent in sorted(agents)]


def _entry(agent: str, groups: Sequence[Group], domain: str) -> AgentEntry:
    newest = max((entry for group in groups for entry in group.entries), key=_newer)
    manifest, tenant = newest.manifest, newest.instance.tenant
    # Groups of one skill come with the newest version first, which is the last one to be set here.
    newest_of = {group.skill: group for group in reversed(groups) if group.skill != ANY_SKILL}
    skills = [_SkillText.of(newest_of[name]) for name in sorted(newest_of)[:_SKILLS]]
    releases = sorted({entry.instance.manifest for group in groups for entry in group.entries})
    return AgentEntry(
        key=(tenant, tuple(one.name for one in skills), tuple(releases)),
        identifier=":".join(("urn:air", domain, *(() if tenant == DEFAULT_TENANT else (tenant,)), agent)),
        agent=agent,
        name=_cut(_text(manifest.card.get("name")) or agent, _SHORT),
        version=manifest.version,
        description=_cut(_text(manifest.card.get("description")) or manifest.description, _TEXT),
        skills=tuple(one.name for one in skills),
        tags=_different((tag for one in skills for tag in one.tags), _TAGS, _SHORT),
        skill_texts=tuple(text for one in skills for text in (one.title, one.description) if text),
        examples=_different((text for one in skills for text in one.examples), _EXAMPLES, _SHORT),
    )


class _SkillText(NamedTuple):
    """What a skill says of itself."""

    name: str
    title: str
    description: str
    tags: tuple[str, ...]
    examples: tuple[str, ...]

    @staticmethod
    def of(group: Group) -> _SkillText:
        """What the newest release of a skill says: on its card, or where it registered."""
        manifest = group.entries[0].manifest
        none: dict[str, Any] = {}
        card = next((one for one in _objects(manifest.card.get("skills")) if one.get("id") == group.skill), none)
        own = group.capability or Capability(group.skill, "")
        return _SkillText(
            name=group.skill,
            title=_cut(_text(card.get("name")), _SHORT),
            description=_cut(own.description or _text(card.get("description")), _TEXT),
            tags=own.tags or _texts(card.get("tags")),
            examples=_texts(card.get("examples")),
        )


def _newer(entry: Entry) -> tuple[object, ...]:
    # Of instances of one version the same one counts each time, or the entry would change with their order.
    return version_order(entry.manifest.version), entry.instance.id


def _tenant(group: Group) -> str:
    return group.entries[0].instance.tenant


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if is_object(one)] if is_array(value) else []


def _texts(value: object) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if is_array(value) else ()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _cut(text: str, most: int) -> str:
    return text[:most].strip()


def _different(texts: Iterable[str], most: int, longest: int) -> tuple[str, ...]:
    """The first of the different texts, cut; none of them is empty."""
    found: dict[str, None] = {}
    for text in texts:
        if len(found) == most:
            break
        if cut := _cut(text, longest):
            found[cut] = None
    return tuple(found)
