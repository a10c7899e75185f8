"""The commands: their names, what they are for, and where they are. It imports none of them."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMMANDS", "OPTIONS", "OVERVIEW", "Listed"]

OVERVIEW = """Meshgate: the gateway and mesh for agents that speak A2A.

\b
A first round, on one machine:
  meshgate up -d                   start a mesh in the background
  python my_agent.py               agents find it by themselves
  meshgate search "shorten a text" find one by what it can do
  meshgate call summariser "..."   call one
  meshgate job last                see where the call went
  meshgate down                    stop it

\b
Exit codes:
  0 done   1 failed   2 usage   3 unreachable   4 denied   5 limit reached
"""
"""The help of ``meshgate`` itself; a paragraph that begins with a backspace keeps its lines, as in click."""
OPTIONS = (
    ("--version", "Print the version and exit."),
    ("--install-completion", "Install completion for the current shell."),
    ("--show-completion", "Show completion for the current shell, to copy it or customize the installation."),
    ("--help, -h", "Show this message and exit."),
)
"""The options of ``meshgate`` itself."""

_USE, _RUN, _LOOK, _RULE = "Call agents", "Run a mesh", "See what is there and what happened", "Change the mesh"
_AGREE = "Keep what skills promise"


class Listed(NamedTuple):
    """One command, as the help lists it."""

    panel: str
    name: str
    module: str
    """The module that has a function of the command's name; it is imported when the command is run."""
    summary: str
    """The first paragraph of the command's docstring."""


_HERE = "meshgate.cli.commands."
COMMANDS = (
    Listed(_RUN, "up", f"{_HERE}up", "Run a mesh: a gateway, the port where agents join, and the admin API."),
    Listed(_RUN, "down", f"{_HERE}down", "Stop the mesh that 'meshgate up' started from this home."),
    Listed(
        _RUN,
        "doctor",
        f"{_HERE}doctor",
        "Look at everything that a call needs, and say what to do about what is wrong.",
    ),
    Listed(_USE, "call", f"{_HERE}call", "Call an agent or a skill, and show how it goes."),
    Listed(_USE, "search", f"{_HERE}search", "Find agents by what they can do."),
    Listed(_LOOK, "agents", f"{_HERE}agents", "List the agents that have joined, with their skills and their health."),
    Listed(_LOOK, "job", f"{_HERE}jobs", "Show a job as a tree of calls."),
    Listed(_LOOK, "jobs", f"{_HERE}jobs", "List the youngest jobs."),
    Listed(
        _LOOK,
        "card",
        "meshgate.cli.card.app",
        "Agent cards: as others see them, what changed, and their key.",
    ),
    Listed(_LOOK, "explain", f"{_HERE}explain", "Say where a selector leads, and why."),
    Listed(_RULE, "register", f"{_HERE}register", "List an A2A server, unchanged, as an agent of the mesh."),
    Listed(_RULE, "deregister", f"{_HERE}deregister", "Take an instance off the list."),
    Listed(_RULE, "kill", f"{_HERE}kill", "Switch something off in the whole mesh, or list what is."),
    Listed(
        _RULE,
        "key",
        "meshgate.cli.key.app",
        "Keys: make, list, rotate and revoke them while the mesh runs.",
    ),
    Listed(
        _RULE, "drain", f"{_HERE}drain", "Let gateways report themselves as not ready, so that balancers leave them."
    ),
    Listed(
        _LOOK,
        "version",
        f"{_HERE}version",
        "Print the version, the protocol it speaks, and which extras are installed.",
    ),
    Listed(
        _AGREE,
        "schema",
        "meshgate.cli.schema.app",
        "Contracts of skills: check a change, follow releases, make a client.",
    ),
)
"""Every command. Importing them all takes longer than most of them run."""
