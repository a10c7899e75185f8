"""Contracts on the path of a call: typed parts are read, checked, and converted between releases of a skill's schema.

``contract.py`` is what one release says, ``converting.py`` the way between two, ``parts.py`` where typed parts stand in
A2A's messages. Everything is pure, compiled once, and bounded.
"""

from meshgate.gateway.mediation.contract import Contract, Reading, Writing
from meshgate.gateway.mediation.converting import Converter, Step
from meshgate.gateway.mediation.media import Form, MediaType, media_text, parse_media_type
from meshgate.gateway.mediation.mediating import Mediated, check_part, mediate_part
from meshgate.gateway.mediation.migrating import Expressions, Function, Installed, installed
from meshgate.gateway.mediation.parts import Side, TypedPart, map_parts, typed_parts
from meshgate.gateway.mediation.planning import Leg, connect, plan
from meshgate.gateway.mediation.problems import Leftover, Violation, agent_fault
from meshgate.gateway.mediation.weighing import outweighs

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
