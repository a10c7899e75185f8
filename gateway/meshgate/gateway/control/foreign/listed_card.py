"""The row of a foreign agent that is listed already, as a card tells it, under its operator's terms."""

from __future__ import annotations

import msgspec

from meshgate.a2a.errors import InvalidParams
from meshgate.gateway.identity.credential_seal import CredentialSeal
from meshgate.net.addresses import AddressPolicy
from meshgate.registry.foreign.agent_credential import AgentCredential, endpoints_for
from meshgate.registry.foreign.foreign_agent import fitting, read_foreign
from meshgate.registry.model import Entry, ForeignTerms, Instance, Manifest, Provenance

__all__ = ["credential_of", "listed_card"]

_NO_CREDENTIAL = AgentCredential()


def credential_of(entry: Entry, seal: CredentialSeal) -> AgentCredential:
    """What gateways show to an agent.

    Raises:
        BadSeal, UnsupportedOperation: it cannot be opened.
    """
    terms = entry.manifest.terms
    if terms is None or not terms.credential:
        return _NO_CREDENTIAL
    return seal.open(terms.credential, entry.instance.tenant, entry.instance.agent)


def listed_card(
    entry: Entry, body: bytes, origin: Provenance | None, seal: CredentialSeal, addresses: AddressPolicy
) -> tuple[Instance, Manifest]:
    """The row as the card in ``body`` tells it. The agent keeps its name, and what its operator said of it.

    Raises:
        InvalidParams: the card cannot be read, or offers nothing that is spoken here.
        PermissionDenied: it names an address where no agent may be.
        BadSeal, UnsupportedOperation: see ``credential_of``.
    """
    instance, before = entry.instance, entry.manifest
    terms, check = before.terms or ForeignTerms(), instance.check
    if check is None:
        raise InvalidParams("this instance has no place of a card: register it with --card")
    read = read_foreign(
        body,
        instance.agent,
        terms.reentrant,
        url=terms.url,
        protocol=terms.protocol,
        tell_caller=before.tell_caller,
        any_references=before.any_references,
        shared_contexts=before.shared_contexts,
    )
    given = credential_of(entry, seal) if terms.credential else None
    endpoints = endpoints_for(read.endpoints, given, check.url, given=bool(terms.url))
    for endpoint in endpoints:
        addresses.check(endpoint.url)
    manifest = msgspec.structs.replace(read.manifest, terms=terms, provenance=origin)
    return fitting(msgspec.structs.replace(instance, manifest=manifest.digest(), endpoints=endpoints)), manifest
