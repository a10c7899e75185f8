"""What ``make mutants`` takes out of the mediation of schemas."""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownParameterType=false
# What is put in place of a guard has its shape by position alone; types would say it all a second time.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshgate.gateway.contracts.converters import Converters
from meshgate.gateway.contracts.transform.contract import CompiledContract
from meshgate.gateway.contracts.transform.cost import Cost
from meshgate.gateway.contracts.transform.fields import reader, writer
from meshgate.gateway.contracts.transform.fields.descriptors import enum_names, enum_type
from meshgate.gateway.contracts.transform.fields.field_map import FieldMapping
from meshgate.gateway.contracts.transform.fields.unknown_fields import UnknownFields
from meshgate.gateway.contracts.transform.migration import path as migration_path
from meshgate.gateway.contracts.transform.validation import constraints

__all__ = ["MEDIATION_DROPS"]


def _replace(owner: Any, name: str, value: object) -> None:
    assert hasattr(owner, name), f"{owner} has no {name} any more"
    setattr(owner, name, value)


def _constraints() -> None:
    _replace(CompiledContract, "validate", lambda self, message: None)


def _migrate() -> None:
    _replace(migration_path, "_move", lambda here, there, step, functions, limits: None)


def _leftovers() -> None:
    _replace(UnknownFields, "restore", lambda self, tree, unknown_key: False)


def _convert() -> None:
    _replace(FieldMapping, "strip", lambda self, message, at=None: None)


def _enum() -> None:
    def number(field: Any) -> Any:
        names, _ = enum_names(enum_type(field))
        return lambda value, at, depth, out: names.get(value, value)

    _replace(writer, "enum_writer", number)


def _json() -> None:
    _replace(reader, "scalar_reader", lambda field: lambda value: value)


def _cost() -> None:
    _replace(Cost, "bound", lambda self, size, rounds, engine: 0)


def _values() -> None:
    _replace(constraints, "_within", lambda root, most, element: True)


def _beside() -> None:
    async def here(self: Any, work: Callable[..., Any], *given: Any) -> Any:
        return work(*given)

    _replace(Converters, "in_thread", here)


MEDIATION_DROPS: dict[str, Callable[[], None]] = {
    "mediation_constraints": _constraints,
    "mediation_migrate": _migrate,
    "mediation_leftovers": _leftovers,
    "mediation_convert": _convert,
    "mediation_enum": _enum,
    "mediation_json": _json,
    "mediation_cost": _cost,
    "mediation_values": _values,
    "mediation_beside": _beside,
}
"""By the name that a row of the ledger gives as ``drop:NAME``."""
