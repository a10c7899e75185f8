"""The compatibility rules, and the comparison that asks them: ``comparison`` first.

``scalars``, ``fields``, ``enums`` and ``constraints`` hold the rules by what they look at; ``constraint_values`` reads
protovalidate's constraints as facts that can be compared.
"""

from meshgate.registry.schemas.rules.comparison import RULES, Views, compare
from meshgate.registry.schemas.rules.model import Rule

__all__ = ["RULES", "Rule", "Views", "compare"]
