from meshgate.sdk.contracts.client import ClientModel, Float
from meshgate.sdk.contracts.errors import BadContract, BadLock, StaleLock
from meshgate.sdk.contracts.kinds import Bytes, Duration, OneOf, Renamed

__all__ = ["BadContract", "BadLock", "Bytes", "ClientModel", "Duration", "Float", "OneOf", "Renamed", "StaleLock"]
