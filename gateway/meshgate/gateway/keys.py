"""The keys of callers and of the mesh, under the name that programs import. ``identity`` defines them."""

from meshgate.gateway.identity.key_record import KEY_KINDS, KeyRecord
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.mesh_key import MeshKey, WeakSecret

__all__ = ["KEY_KINDS", "KeyRecord", "KeyStore", "MeshKey", "WeakSecret", "new_key"]
