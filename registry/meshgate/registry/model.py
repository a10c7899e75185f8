"""What the registry holds: who runs where, what they can do, and which switches are thrown.

Names of bindings, versions and kinds are open strings here: a row that a later release wrote can be read, and a reader
that cannot use it passes it over (``row_filter``). What may be written is checked in ``limits``.

Small and large values are separate. An :class:`Instance` is one running copy, a few hundred bytes, renewed all the
time. A :class:`Manifest` is what all copies of one release share (skills, the agent card); it is stored once under the
hash of its content and never changes, so a watcher fetches it once and keeps it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from meshgate.a2a.bindings.table import ROWS
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.mesh.tenants import DEFAULT_TENANT
from meshgate.a2a.selector import parse_selector
from meshgate.a2a.version_syntax import parse_version
from meshgate.a2a.versions import Version, VersionRange

__all__ = [
    "BINDINGS",
    "CARD_KEY",
    "KINDS",
    "SWITCH_KINDS",
    "Capability",
    "Delta",
    "Endpoint",
    "Entry",
    "ForeignTerms",
    "HealthCheck",
    "HeldCard",
    "Instance",
    "Lease",
    "Manifest",
    "Migration",
    "Provenance",
    "SchemaRef",
    "Switch",
    "SwitchKind",
    "Unread",
]

BINDINGS = tuple(dict.fromkeys(row.id for row in ROWS))
"""The bindings that are served here, by A2A's names (specification 1.0.1, section 5.2)."""

CARD_KEY = "card-key"
"""The kind of a row that is no instance: its id says which generation of the cards' key is in force."""

KINDS = ("agent", "gateway", CARD_KEY)
"""What an instance can be."""

Unread = Literal["unreadable", "manifest", "switch", "subject"]
"""Why a backend could not read a row: its content, its manifest, or that it is no proper switch or subject."""

SwitchKind = Literal["agent", "skill", "tenant", "key", "job"]
SWITCH_KINDS: tuple[SwitchKind, ...] = ("agent", "skill", "tenant", "key", "job")


class SchemaRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """The message that a skill takes or gives: its full name, and where its descriptor set is stored."""

    type: str
    hash: str = ""
    version: str = ""


class Migration(msgspec.Struct, frozen=True, omit_defaults=True, rename={"source": "from"}):
    """A migration: converts data between a release and earlier ones where field numbers are not enough.

    ``source`` (``from`` in JSON) is a version or a range such as ``^1``. ``up`` makes the release's data of the
    earlier release's, ``down`` the reverse: for each target path a CEL expression over ``old``. Instead of the two,
    ``function`` names one that the operator installed.
    """

    source: str
    up: dict[str, str] = {}
    down: dict[str, str] = {}
    function: str = ""
    side: Literal["", "input", "output"] = ""
    """Which contract it is for; "" for both: expressions then count where their paths are fields."""

    @property
    def versions(self) -> VersionRange:
        """The releases that it starts from.

        Raises:
            InvalidParams: ``source`` is no range.
        """
        return parse_selector(f"skill@{self.source}").versions  # a selector's range, whatever the skill is called


class Capability(msgspec.Struct, frozen=True, omit_defaults=True):
    """One skill of an agent, at a version."""

    skill: str
    version: str
    description: str = ""
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    input: SchemaRef | None = None
    output: SchemaRef | None = None
    cost_usd: float | None = None
    """What one call costs, roughly, in US dollars."""
    latency: float | None = None
    """What one call takes, roughly, in seconds."""
    reentrant: int = 1
    """How often this skill may stand on one path of calls."""
    default: bool = False
    owner: str = ""
    """Who answers for its contract."""
    steward: str = ""
    """Who may change the stages of its contract's releases, if that is not the owner."""
    migrations: tuple[Migration, ...] = ()
    """Conversions between this version's contract and earlier ones."""

    @property
    def contracts(self) -> tuple[SchemaRef, ...]:
        """Its schemas that are contracts, the input's first; one without a hash is a name for people."""
        return tuple(side for side in (self.input, self.output) if side is not None and side.hash)

    def semver(self) -> Version:
        """The version as a value that sorts."""
        return parse_version(self.version)


class ForeignTerms(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an operator said of a foreign agent, beside its card: it holds when the card is read again."""

    named: bool = False
    """Whether the operator chose the agent's name."""
    reentrant: dict[str, int] = {}
    """By skill, how often it may stand on one path of calls."""
    url: str = ""
    """Where the agent is called, instead of where its card says."""
    credential: str = ""
    """What gateways show to the agent, sealed with the mesh key; "" for nothing."""
    settings: str = ""
    """The home whose settings list it; "" if an operator registered it."""
    protocol: str = ""
    """The version of A2A that it is spoken to in, whatever else its card offers; "" for any."""


class Provenance(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the signatures of a foreign agent's card prove of its origin."""

    verdict: str
    """``unsigned``, ``unverified`` (no key is known), ``verified``, or ``invalid`` (wrong under a known key)."""
    hash: str
    """SHA-256 of the card's canonical JSON without its signatures, in hex."""
    at: float
    """When that could first be said, in seconds since the epoch."""
    reason: str = ""
    """Why no key could be had."""
    key: str = ""
    """The thumbprint (RFC 7638) of the key that a signature is genuine under."""
    jku: str = ""
    """Where that key came from."""


class HeldCard(msgspec.Struct, frozen=True, omit_defaults=True):
    """A foreign agent's card that is not used before an operator accepts it."""

    origin: Provenance
    """What is known of its origin, with its hash."""
    blob: str
    """The hash under which the card is stored as it was served."""
    at: float
    """When it was first held, in seconds since the epoch."""
    reasons: tuple[str, ...]
    """Why it is held."""
    changes: tuple[str, ...]
    """What is other than on the card that is used."""


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A release of an agent: what all its instances have in common."""

    agent: str
    version: str
    description: str = ""
    skills: tuple[Capability, ...] = ()
    shared_tasks: bool = False
    """Whether all instances read and write one task store, so that any of them can serve any task."""
    foreign: bool = False
    """Whether the agent is no SDK agent: it knows no inbound secret and no skill header."""
    tell_caller: bool = False
    """Whether a foreign agent is told who calls; one of the SDK's always is."""
    any_references: bool = False
    """Whether messages to it may refer to tasks that are not their caller's."""
    shared_contexts: bool = False
    """Whether it gets the ids of contexts as callers send them: two callers that choose one id share the context."""
    lists_tasks: bool = False
    """Whether an agent of the SDK's keeps whose its tasks are, with the gateway's labels, and is asked for lists."""
    terms: ForeignTerms | None = None
    """What an operator said of a foreign agent."""
    provenance: Provenance | None = None
    """What is known of the origin of a foreign agent's card; None if no gateway has read it."""
    held: HeldCard | None = None
    """The card that a foreign agent shows now, if it is held; ``card`` is the one that is used."""
    card: dict[str, Any] = {}
    """The agent card as the agent published it (A2A 1.0 JSON)."""

    def encode(self) -> bytes:
        """The manifest's one byte form (JSON, keys in order); its hash is its name."""
        return msgspec.json.encode(self, order="deterministic")

    @staticmethod
    def decode(data: bytes) -> Manifest:
        """The manifest that ``encode`` wrote.

        Raises:
            msgspec.DecodeError: the bytes are no manifest.
        """
        return msgspec.json.decode(data, type=Manifest)

    def digest(self) -> str:
        """32 hex digits that name the content."""
        return hashlib.blake2b(self.encode(), digest_size=16).hexdigest()


class Endpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """An address of an instance in one binding."""

    binding: str
    """One of ``BINDINGS``, or a name that only a later release knows."""
    url: str
    """``http://host:port/path`` for JSON-RPC, ``host:port`` for gRPC."""
    version: str = "1.0"
    tenant: str = ""
    """The routing label that this address wants in every request (A2A's ``tenant``)."""


class HealthCheck(msgspec.Struct, frozen=True, omit_defaults=True):
    """How others find out whether an instance is alive, in addition to its own renewals."""

    url: str
    interval: float = 5.0
    """Seconds between two looks."""
    private: bool = False
    """Whether gateways alone may ask, because the agent answers nobody without its credential."""


class Instance(msgspec.Struct, frozen=True, omit_defaults=True):
    """One running copy of an agent, or of a gateway."""

    id: str
    agent: str
    manifest: str
    """The hash under which the :class:`Manifest` is stored ("" for a gateway)."""
    endpoints: tuple[Endpoint, ...] = ()
    tenant: str = DEFAULT_TENANT
    labels: dict[str, str] = {}
    weight: float = 1.0
    check: HealthCheck | None = None
    lasting: bool = False
    """Registered by an operator for an agent that renews nothing: it stays until it is deregistered."""
    kind: str = "agent"
    """One of ``KINDS``, or a name that only a later release knows."""
    draining: bool = False


class Entry(msgspec.Struct, frozen=True):
    """An instance together with its manifest: what a watcher is given."""

    instance: Instance
    manifest: Manifest

    @staticmethod
    def of(instance: Instance, manifest: Manifest | None) -> Entry:
        """The entry of an instance; a gateway has no manifest of its own and gets an empty one."""
        return Entry(instance, manifest or Manifest(agent=instance.agent, version="0.0.0"))

    def same(self, other: Entry | None) -> bool:
        """Whether both are equal. A manifest is named by its content, so that comparing names is enough."""
        return self is other or (other is not None and self.instance == other.instance)


class Switch(msgspec.Struct, frozen=True, order=True):
    """A kill switch: while it is there, calls that match are refused."""

    kind: str
    """One of ``SWITCH_KINDS``, or a name that only a later release knows."""
    name: str
    reason: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What it switches off: its kind and its name."""
        return self.kind, self.name


class Delta(msgspec.Struct, frozen=True):
    """What changed. The first delta of a watch has ``reset``: it holds everything, and what it lacks is gone."""

    put: tuple[Entry, ...] = ()
    gone: tuple[str, ...] = ()
    """Ids of instances that left."""
    switches: tuple[Switch, ...] | None = None
    """All switches, or None if they did not change."""
    subjects: Mapping[str, str] | None = None
    """All subjects by name, each to the digest of its document, or None if none changed."""
    unread: Mapping[str, Unread] | None = None
    """All rows that the backend could not read, by their names in it; None if that did not change."""
    reset: bool = False


class Lease(msgspec.Struct, frozen=True):
    """The right to be listed for ``ttl`` seconds; a third of it is a good interval for renewing."""

    instance: str
    ttl: float = DEFAULTS.lease
