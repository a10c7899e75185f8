"""Credentials as the registry holds them."""

from __future__ import annotations

import pytest

from meshgate.gateway.identity.credential_seal import BadSeal, CredentialSeal, sealed
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.registry.foreign.agent_credential import AgentCredential, OAuth2Client
from meshgate.registry.model import ForeignTerms, HealthCheck, Instance, Manifest

pytestmark = pytest.mark.requirement("foreign.credential")

CREDENTIAL = AgentCredential({"x-key": "s3cr3t"}, "a=b", OAuth2Client("https://t", "id", "s3cr3t"), "pem")
SEALING = CredentialSeal(MeshKey(bytes(range(32))))


def test_a_credential_comes_out_as_it_went_in_and_is_not_to_be_read() -> None:
    text = SEALING.seal(CREDENTIAL, "default", "maps")
    assert SEALING.open(text, "default", "maps") == CREDENTIAL
    assert "s3cr3t" not in text
    assert SEALING.seal(CREDENTIAL, "default", "maps") == text, "registering again changes nothing"


def test_it_opens_for_its_agent_under_its_mesh_key_alone() -> None:
    text = SEALING.seal(CREDENTIAL, "default", "maps")
    other = CredentialSeal(MeshKey(bytes(range(1, 33))))
    changed = ("A" if text[0] != "A" else "B") + text[1:]
    for seal, sealed_text, tenant, agent in [
        (other, text, "default", "maps"),
        (SEALING, text, "acme", "maps"),
        (SEALING, text, "default", "spy"),
        (SEALING, text, "defaultmaps", ""),
        (SEALING, changed, "default", "maps"),
        (SEALING, "", "default", "maps"),
        (SEALING, "not base64!", "default", "maps"),
        (SEALING, text[:20], "default", "maps"),
    ]:
        with pytest.raises(BadSeal):
            seal.open(sealed_text, tenant, agent)


def test_a_sealed_agent_keeps_its_terms_and_is_watched_by_gateways_alone() -> None:
    manifest = Manifest("maps", "1.0.0", foreign=True, terms=ForeignTerms(named=True, url="https://m"))
    instance = Instance("maps-1", "maps", manifest.digest(), check=HealthCheck("https://m/card"))
    listed, kept = sealed(instance, manifest, CREDENTIAL, SEALING)
    assert kept.terms is not None
    assert (kept.terms.named, kept.terms.url) == (True, "https://m")
    assert SEALING.open(kept.terms.credential, "default", "maps") == CREDENTIAL
    assert listed.manifest == kept.digest()
    assert listed.check == HealthCheck("https://m/card", private=True)
    bare, _ = sealed(Instance("maps-1", "maps", ""), Manifest("maps", "1.0.0"), CREDENTIAL, SEALING)
    assert bare.check is None
