from meshgate.sdk.contracts.errors import BadContract, BadLock, StaleLock
from meshgate.sdk.contracts.kinds import Bytes, Duration, OneOf, Renamed

__all__ = ["BadContract", "BadLock", "Bytes", "Duration", "OneOf", "Renamed", "StaleLock"]
