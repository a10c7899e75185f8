"""Contracts on the path of a call: typed parts are read, checked, and converted between releases of a skill's schema.

``contract.py`` is what one release says, ``converting.py`` the way between two, ``parts.py`` where typed parts stand in
A2A's messages. Everything is pure, compiled once, and bounded.
"""

from meshgate.gateway.contracts.transform.contract import Contract, Reading, Writing
from meshgate.gateway.contracts.transform.converter import Converter, Step
from meshgate.gateway.contracts.transform.media import Form, MediaType, media_text, parse_media_type
from meshgate.gateway.contracts.transform.migration_path import Leg, connect, plan
from meshgate.gateway.contracts.transform.migrations import Expressions, Function, Installed, installed
from meshgate.gateway.contracts.transform.part_conversion import Mediated, check_part, mediate_part
from meshgate.gateway.contracts.transform.parts import Side, TypedPart, map_parts, typed_parts
from meshgate.gateway.contracts.transform.size import outweighs
from meshgate.gateway.contracts.transform.violations import Leftover, Violation, agent_fault

__all__ = [
    "Contract",
    "Converter",
    "Expressions",
    "Form",
    "Function",
    "Installed",
    "Leftover",
    "Leg",
    "MediaType",
    "Mediated",
    "Reading",
    "Side",
    "Step",
    "TypedPart",
    "Violation",
    "Writing",
    "agent_fault",
    "check_part",
    "connect",
    "installed",
    "map_parts",
    "media_text",
    "mediate_part",
    "outweighs",
    "parse_media_type",
    "plan",
    "typed_parts",
]
