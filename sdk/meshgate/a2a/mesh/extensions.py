"""The extensions of A2A that Meshgate makes (specification 1.0.1, section 4.6): what cards list, and what is echoed.

Each has a page in ``docs/extensions``. A URI's last segment rises when an older reader would misread the new form.
None is required: who knows none of them calls as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from meshgate.a2a.mesh import headers
from meshgate.a2a.protocol_version import EXTENSIONS_HEADER

__all__ = [
    "BY_AGENTS",
    "BY_GATEWAYS",
    "CALLER",
    "CAPABILITIES",
    "CAUSE",
    "CONTRACTS",
    "EXTENSIONS",
    "LINEAGE",
    "PROGRESS",
    "PROVENANCE",
    "SKILL",
    "TASKS",
    "USAGE",
    "VERSIONS",
    "Extension",
    "entry",
    "with_activated",
]


class Extension(NamedTuple):
    """One extension.

    Attributes:
        name: its name in the URI, and its page's.
        description: what it does, for readers of cards.
        names: the headers and keys of metadata that belong to it.
    """

    name: str
    description: str
    names: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        """What names it in cards and in ``A2A-Extensions``."""
        return f"https://meshgate.dev/extensions/{self.name}/v1"


LINEAGE = Extension(
    "lineage",
    "each call belongs to a job with a path, a budget and a deadline",
    (
        *(headers.JOB, headers.CALL, headers.INSTANCE),
        *(headers.LINEAGE, headers.BUDGET, headers.DEADLINE),
    ),
)
SKILL = Extension(
    "skill",
    "a call names the skill that it is for",
    (headers.SKILL_KEY, headers.SKILL, headers.TARGET, headers.CHOICE),
)
VERSIONS = Extension("versions", "what A2A 0.3 has no place for comes through it", (headers.KEPT,))
CONTRACTS = Extension(
    "contracts",
    "the releases of the skills' contracts that are served",
    (headers.SCHEMA_VERSION, headers.SCHEMA, headers.DEPRECATED),
)
PROVENANCE = Extension("provenance", "what the signatures of the agent's own card prove of its origin")
CAPABILITIES = Extension("capabilities", "versions, labels and schemas of the skills")
CALLER = Extension("caller", "the agent is told who calls", (headers.PRINCIPAL, headers.TENANT))
USAGE = Extension("usage", "events say what the work took", (headers.USAGE,))
PROGRESS = Extension(
    "progress",
    "events say how far the work is, and which parts go on with the one before",
    (headers.PROGRESS, headers.CONTINUES),
)
TASKS = Extension(
    "tasks",
    "a list of tasks says what it may lack",
    (headers.TASKS_SINCE, headers.PARTIAL, headers.TASK_LABEL, headers.TASKS_AFTER, headers.LABEL_KEY),
)
CAUSE = Extension("cause", "a failed task names the error at its root", (headers.CAUSE,))

EXTENSIONS = (LINEAGE, SKILL, CONTRACTS, PROVENANCE, CAPABILITIES, CALLER, USAGE, PROGRESS, CAUSE, TASKS, VERSIONS)
"""All of them."""
BY_GATEWAYS = (LINEAGE, SKILL, TASKS, VERSIONS)
"""What a gateway does for each agent; ``CONTRACTS`` and ``PROVENANCE`` besides, where there is something to say."""
BY_AGENTS = (SKILL, CALLER, USAGE, PROGRESS, CAUSE)
"""What an agent of the SDK's does; ``CAPABILITIES`` besides, in its card alone."""


def entry(extension: Extension, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An extension as cards list it (``AgentExtension``, section 4.4.4)."""
    listed: dict[str, Any] = {"uri": extension.uri, "description": extension.description, "required": False}
    return {**listed, "params": params} if params is not None else listed


def with_activated(
    answered: Mapping[str, str], asked: Mapping[str, str], activated: Iterable[Extension]
) -> Mapping[str, str]:
    """The headers of an answer that names those of the activated extensions that its caller asked for, beside what it
    names already (section 14.2.2).

    Args:
        answered: the answer's headers, names in lower case.
        asked: the call's.
    """
    wanted = asked.get(EXTENSIONS_HEADER)
    if wanted is None:
        return answered
    uris = {each.strip() for each in wanted.split(",")}
    said = answered.get(EXTENSIONS_HEADER, "")
    named = {each.strip() for each in said.split(",")}
    more = [one.uri for one in activated if one.uri in uris and one.uri not in named]
    return {**answered, EXTENSIONS_HEADER: ", ".join([*([said] if said else []), *more])} if more else answered
