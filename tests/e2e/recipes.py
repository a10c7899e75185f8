"""What is known of each recipe in ``examples/recipes``: what it is asked, and what comes of it.

``docs/frameworks.md`` has the table that ``table`` makes; ``test_recipes.py`` runs each recipe and compares.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.environments import LOCK, ROOT

__all__ = ["FOLDER", "LOCKS", "MARK", "RECIPES", "Recipe", "table"]

FOLDER = ROOT / "examples" / "recipes"
LOCKS = ROOT / "tests" / "interop" / "recipes"
MARK = "# The part that makes it an agent of the mesh:\n"


@dataclass(frozen=True)
class Recipe:
    """One recipe."""

    framework: str
    package: str
    """Its package, whose version the table has."""
    program: str
    """The file's name without its ending."""
    agent: str
    asked: tuple[str, ...]
    """What follows ``meshgate call``."""
    answer: str
    lock: str = ""
    """Its lock file; without one it runs on what ``requirements/dev.lock`` holds."""
    registered: bool = False
    """It serves A2A 1.0 by itself, and is registered."""
    old: bool = False
    """What the framework serves by itself is A2A 0.3."""
    chunks: int = 1
    """Pieces in which the answer comes."""
    tokens: tuple[int, int] = (0, 0)
    """What the tree of the job has, in and out."""
    calls: str = ""
    """Whether calls that its tools make are children of the job, and by which key or client."""
    asks: str = ""
    """How it asks its caller, if it can."""
    cancelled: str = "yes"
    """Whether its work ends when its task is cancelled."""
    answers: tuple[str, ...] = field(default=())
    """What its questions are answered with, if it asks as it stands."""

    @property
    def file(self) -> Path:
        """The program."""
        return FOLDER / f"{self.program}.py"

    @property
    def version(self) -> str:
        """The version that is locked."""
        return locked(self.package, LOCKS / f"{self.lock}.lock" if self.lock else LOCK)


def locked(package: str, lock: Path) -> str:
    """The version of a package in a lock file."""
    found = re.search(rf"^{re.escape(package)}(?:\[[^\]]*\])?==(\S+)", lock.read_text("utf-8"), re.MULTILINE)
    assert found is not None, f"{package} is not in {lock.name}"
    return found[1]


_LAMPS = ("How many lamps are there?",)
_GREET = ("Greet the World",)
_GREETED = "I said: Hello, World!"

RECIPES = (
    Recipe(
        "Google ADK", "google-adk", "google_adk_agent", "clerk", ("clerk", *_LAMPS), "There are 12 lamps.",
        lock="google_adk", registered=True, tokens=(40, 10),
    ),
    Recipe(
        "Microsoft Agent Framework", "agent-framework-a2a", "agent_framework_agent", "keeper", ("keeper", *_LAMPS),
        "There are 12 lamps.", lock="agent_framework", registered=True, chunks=3,
    ),
    Recipe(
        "Pydantic AI", "pydantic-ai-slim", "pydantic_ai_agent", "usher", ("usher", *_GREET), _GREETED,
        lock="pydantic_ai", chunks=3, tokens=(100, 9), calls="`Mesh()`",
    ),
    Recipe(
        "Pydantic AI, by fasta2a", "fasta2a", "pydantic_ai_server", "usher", ("usher", *_GREET), _GREETED,
        lock="pydantic_ai", registered=True, chunks=4, calls="`Mesh()`, its call key", cancelled="no",
    ),
    Recipe(
        "CrewAI", "crewai", "crewai_agent", "porter", ("porter", *_GREET), _GREETED,
        lock="crewai", old=True, tokens=(40, 10), calls="`ctx`", asks="`ctx.ask`",
    ),
    Recipe(
        "Strands Agents", "strands-agents", "strands_agent", "butler", ("butler", *_GREET), _GREETED,
        lock="strands", old=True, chunks=3, tokens=(40, 10), calls="`Mesh()`",
    ),
    Recipe(
        "LangGraph", "langgraph", "langgraph_agent", "poet", ("poet", "the sea"),
        "Grey water keeps its own calm counsel.", chunks=13,
    ),
    Recipe(
        "OpenAI Agents SDK", "openai-agents", "openai_agents_agent", "librarian",
        ("librarian", "What is on shelf 7?"), "On shelf 7: three atlases.", tokens=(40, 10),
    ),
    Recipe(
        "MCP server", "mcp", "mcp_agent", "desk", ("book@*", "--data", '{"guest": "Ada"}'),
        '{"guest": "Ada", "people": "4"}', asks="elicitation", answers=("4",),
    ),
)  # fmt: skip

_HEAD = (
    "framework",
    "package",
    "version",
    "joins by",
    "streams",
    "tokens",
    "calls of its tools",
    "asks back",
    "cancel",
)


def table() -> str:
    """A row for each recipe, as Markdown."""
    rows = [_HEAD, ("---",) * len(_HEAD), *map(_row, RECIPES)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(one: Recipe) -> tuple[str, ...]:
    serves = "1.0" if one.registered else "0.3" if one.old else "-"
    joins = "`meshgate register`" if one.registered else "`Agent`"
    facts = ("yes" if one.chunks > 1 else "no", "yes" if any(one.tokens) else "no")
    shown = (f"`{one.package}`", one.version, serves, joins, *facts, one.calls or "-", one.asks or "-", one.cancelled)
    return (f"[{one.framework}](../examples/recipes/{one.program}.py)", *shown)
