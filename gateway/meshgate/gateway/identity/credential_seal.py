"""Seals what foreign agents' credentials hold, so that the registry keeps them for all gateways and tells nobody.

AES-SIV (RFC 5297) under a key that is derived from the mesh key. It is deterministic: the same credential of the same
agent has one sealed form, so registering it again changes nothing.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import msgspec

from meshgate.a2a.errors import MeshError, UnsupportedOperation
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.registry.extras import CREDENTIALS, REMEDY, has
from meshgate.registry.foreign.agent_credential import AgentCredential
from meshgate.registry.model import ForeignTerms, Instance, Manifest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

__all__ = ["BadSeal", "CredentialSeal", "sealed"]


class BadSeal(MeshError):
    """A sealed credential was not sealed with this mesh key, or not for this agent."""

    code, summary = "BAD_SEAL", "the credential was sealed with another mesh key, or for another agent"


class CredentialSeal:
    """Seals and opens credentials.

    Args:
        mesh: the key of the mesh.
    """

    def __init__(self, mesh: MeshKey) -> None:
        self._key = mesh.sealing_key()

    def seal(self, credential: AgentCredential, tenant: str, agent: str) -> str:
        """The sealed form of an agent's credential.

        Raises:
            UnsupportedOperation: what seals and opens credentials is not installed.
        """
        sealed = self._cipher().encrypt(msgspec.json.encode(credential), [tenant.encode(), agent.encode()])
        return base64.b64encode(sealed).decode("ascii")

    def open(self, sealed: str, tenant: str, agent: str) -> AgentCredential:
        """The credential that was sealed for an agent.

        Raises:
            BadSeal: it was sealed with another key or for another agent.
            UnsupportedOperation: see ``seal``.
        """
        cipher = self._cipher()
        from cryptography.exceptions import InvalidTag

        try:
            data = base64.b64decode(sealed, validate=True)
            plain = cipher.decrypt(data, [tenant.encode(), agent.encode()])
            return msgspec.json.decode(plain, type=AgentCredential)
        except (InvalidTag, binascii.Error, ValueError, msgspec.MsgspecError):
            raise BadSeal from None

    def _cipher(self) -> AESSIV:
        if not has(CREDENTIALS):
            raise UnsupportedOperation(f"this gateway is installed without {CREDENTIALS}: install it by {REMEDY}")
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        return AESSIV(self._key)


def sealed(
    instance: Instance, manifest: Manifest, credential: AgentCredential, seal: CredentialSeal
) -> tuple[Instance, Manifest]:
    """A foreign agent as it is listed: its credential sealed, and its health asked by gateways alone."""
    terms = msgspec.structs.replace(
        manifest.terms or ForeignTerms(), credential=seal.seal(credential, instance.tenant, instance.agent)
    )
    manifest = msgspec.structs.replace(manifest, terms=terms)
    check = msgspec.structs.replace(instance.check, private=True) if instance.check is not None else None
    return msgspec.structs.replace(instance, check=check, manifest=manifest.digest()), manifest
