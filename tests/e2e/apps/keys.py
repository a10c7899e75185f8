"""Makes keys of several callers in a home: what to make comes in as JSON, and the keys go out as JSON."""

import json
import sys
from pathlib import Path

from meshgate.gateway import KeyStore, new_key

told = json.load(sys.stdin)
store, keys = KeyStore(), {}
for name, (kind, scope) in told["callers"].items():
    keys[name], record = new_key(kind, name, **scope)
    store.add(record)
home = Path(told["home"])
home.mkdir(mode=0o700, exist_ok=True)
store.save(home / "keys.json")
sys.stdout.write(json.dumps(keys))
