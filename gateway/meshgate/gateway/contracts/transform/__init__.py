"""Compiled contracts: typed parts are read, checked, and converted between releases of a skill's schema.

``contract.py`` is one release, ``converter.py`` the way between two. All of it is pure, compiled once, and bounded.
The engines of constraints and of CEL are imported where a contract is compiled: the extra ``gateway-core`` has none.
"""

from meshgate.gateway.contracts.transform.contract import CompiledContract
from meshgate.gateway.contracts.transform.converter import ConversionStep, Converter
from meshgate.gateway.contracts.transform.errors import agent_fault
from meshgate.gateway.contracts.transform.json_results import ReadResult, WriteResult
from meshgate.gateway.contracts.transform.migration.compiled_migration import MigrationFunction
from meshgate.gateway.contracts.transform.migration.function_migration import FunctionMigration, installed_functions
from meshgate.gateway.contracts.transform.migration.path import PathStep, find_path, make_converter
from meshgate.gateway.contracts.transform.size import is_larger
from meshgate.gateway.contracts.transform.typed_parts.media import Form, MediaType, media_text, parse_media_type
from meshgate.gateway.contracts.transform.typed_parts.part_conversion import check_part, convert_part
from meshgate.gateway.contracts.transform.typed_parts.part_map import map_parts, typed_parts
from meshgate.gateway.contracts.transform.typed_parts.typed_part import ConvertedPart, Side, TypedPart
from meshgate.gateway.contracts.transform.violations import UnknownKey, Violation

__all__ = [
    "CompiledContract",
    "ConversionStep",
    "ConvertedPart",
    "Converter",
    "Form",
    "FunctionMigration",
    "MediaType",
    "MigrationFunction",
    "PathStep",
    "ReadResult",
    "Side",
    "TypedPart",
    "UnknownKey",
    "Violation",
    "WriteResult",
    "agent_fault",
    "check_part",
    "convert_part",
    "find_path",
    "installed_functions",
    "is_larger",
    "make_converter",
    "map_parts",
    "media_text",
    "parse_media_type",
    "typed_parts",
]
