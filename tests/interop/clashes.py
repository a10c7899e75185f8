"""What a resolver makes of Meshgate beside a framework, and of two frameworks in one environment.

``docs/frameworks.md`` has the tables; ``test_clashes.py`` asks the resolver again.
"""

from dataclasses import dataclass

from tests.e2e.environments import LOCK
from tests.e2e.recipes import LOCKS, locked

__all__ = ["BESIDE", "TOGETHER", "Beside", "Together", "beside_table", "together_table"]


@dataclass(frozen=True)
class Beside:
    """A framework beside ``meshgate`` and ``meshgate[grpc]``."""

    package: str
    """The package, with its extra."""
    lock: str = ""
    picked: str = ""
    """What the resolver picks of it beside ``meshgate[grpc]``, if not the version that is locked."""

    @property
    def name(self) -> str:
        """The package without its extra."""
        return self.package.partition("[")[0]

    @property
    def version(self) -> str:
        """The version that is locked."""
        return locked(self.name, LOCKS / f"{self.lock}.lock" if self.lock else LOCK)

    @property
    def pinned(self) -> str:
        """The requirement at that version."""
        return f"{self.package}=={self.version}"


@dataclass(frozen=True)
class Together:
    """Two frameworks that no environment can hold together."""

    one: str
    other: str
    reason: str


BESIDE = (
    Beside("google-adk[a2a]", "google_adk"),
    Beside("agent-framework-a2a", "agent_framework"),
    Beside("pydantic-ai-slim", "pydantic_ai"),
    Beside("fasta2a[pydantic-ai]", "pydantic_ai"),
    Beside("crewai", "crewai"),
    Beside("crewai[a2a]", "crewai", picked="1.2.1"),
    Beside("strands-agents", "strands"),
    Beside("strands-agents[a2a]", "strands", picked="0.3.0"),
    Beside("langgraph"),
    Beside("openai-agents"),
    Beside("mcp"),
)

TOGETHER = (
    Together("google-adk[a2a]", "crewai", "OpenTelemetry's SDK: at most 1.44, and at least 1.45.1"),
    Together("agent-framework-a2a", "crewai[a2a]", "a2a-sdk: 1.x, and 0.3"),
    Together("agent-framework-a2a", "strands-agents[a2a]", "a2a-sdk: 1.x, and 0.3"),
    Together("crewai", "openai-agents", "openai: 2.x, and 3.x"),
    Together("crewai", "mcp", "mcp: 1.x, and this one"),
    Together("strands-agents", "mcp", "mcp: below 2.2, and this one"),
)


def beside_table() -> str:
    """A row for each framework beside Meshgate, as Markdown."""
    rows: list[tuple[str, ...]] = [("beside", "`meshgate`", "`meshgate[grpc]`, `meshgate[gateway]`"), ("---",) * 3]
    for one in BESIDE:
        grpc = f"**picks {one.name} {one.picked}**" if one.picked else "fits"
        rows.append((f"`{one.package}` {one.version}", "fits", grpc))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def together_table() -> str:
    """A row for each pair that clashes, as Markdown."""
    version = {one.package: one.version for one in BESIDE}
    rows: list[tuple[str, ...]] = [("one", "the other", "they want of"), ("---",) * 3]
    for pair in TOGETHER:
        both = (f"`{package}` {version[package]}" for package in (pair.one, pair.other))
        rows.append((*both, pair.reason))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
