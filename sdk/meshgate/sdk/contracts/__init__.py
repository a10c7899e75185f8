"""The public names for contracts: types for fields, the base of generated clients, and errors."""

from meshgate.sdk.schemas.codegen.client import ClientModel, Float
from meshgate.sdk.schemas.derive.kinds import Bytes, Duration, OneOf, Renamed
from meshgate.sdk.schemas.errors import BadContract, BadLock, StaleLock

__all__ = ["BadContract", "BadLock", "Bytes", "ClientModel", "Duration", "Float", "OneOf", "Renamed", "StaleLock"]
