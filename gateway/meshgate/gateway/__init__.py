"""The gateway: what stands between callers and agents. Read ``app.py`` first; needs the extra ``gateway``."""

from meshgate.gateway.app import Gateway, Settings
from meshgate.gateway.config import Config, ConfigError, load_config
from meshgate.gateway.identity.keys import KeyRecord, KeyStore, MeshKey, new_key
from meshgate.gateway.policy import Admit, Policy, Wrap, chain

__all__ = [
    "Admit",
    "Config",
    "ConfigError",
    "Gateway",
    "KeyRecord",
    "KeyStore",
    "MeshKey",
    "Policy",
    "Settings",
    "Wrap",
    "chain",
    "load_config",
    "new_key",
]
