"""The gateway between callers and agents. Read ``app.py`` first; needs the extra ``gateway``."""

from meshgate.gateway.config import Config, ConfigError, load_config
from meshgate.gateway.gateway import Gateway
from meshgate.gateway.identity.key_record import KeyRecord
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.placement import Placed, Policies
from meshgate.gateway.policy import Admit, Policy, Wrap, chain
from meshgate.gateway.settings import Settings

__all__ = [
    "Admit",
    "Config",
    "ConfigError",
    "Gateway",
    "KeyRecord",
    "KeyStore",
    "MeshKey",
    "Placed",
    "Policies",
    "Policy",
    "Settings",
    "Wrap",
    "chain",
    "load_config",
    "new_key",
]
