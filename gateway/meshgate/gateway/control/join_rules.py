"""What a join key may do: register, renew and end instances of agents of its tenant, under the names that it is for."""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec

from meshgate.a2a.errors import InvalidParams, PermissionDenied
from meshgate.gateway.identity.key_record import OPERATOR, KeyRecord
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.net.addresses import AddressPolicy
from meshgate.registry.errors import InstanceTaken, UnknownLease
from meshgate.registry.foreign.foreign_agent import name_holder
from meshgate.registry.index import Index
from meshgate.registry.join.model import Registration
from meshgate.registry.limits import MAX_ID, id_prefix
from meshgate.registry.model import Entry, Instance

__all__ = ["JoinRules"]


class JoinRules:
    """Says what the holder of a join key may do.

    Args:
        table: this process's view of the registry.
        mesh: marks the ids of tenants.
        addresses: where agents may listen.
    """

    def __init__(self, table: Index, mesh: MeshKey, addresses: AddressPolicy) -> None:
        self._table, self._mesh, self._addresses = table, mesh, addresses

    def admit(self, joining: Registration, key: KeyRecord) -> Instance:
        """The instance as it may be listed: under an id of its own agent and tenant, which are the key's.

        Raises:
            PermissionDenied: the key is not for this agent, address or kind of registration; or a name that a card
                chose is another agent's.
            InstanceTaken: the id is another agent's.
            InvalidParams: the id does not begin with the agent's name.
        """
        instance, manifest = joining.instance, joining.manifest
        self._may_name(instance.agent, key)
        for endpoint in instance.endpoints:
            self._addresses.check(endpoint.url)
        if instance.check is not None:
            self._addresses.check(instance.check.url)
        if instance.lasting and not manifest.foreign:
            raise PermissionDenied("'lasting' is for foreign agents, which renew nothing: leave it out")
        if instance.lasting and OPERATOR not in key.roles:
            raise PermissionDenied(f"only a join key with the role {OPERATOR!r} registers an agent that renews nothing")
        if manifest.foreign and manifest.tell_caller and OPERATOR not in key.roles:
            raise PermissionDenied(f"only a join key with the role {OPERATOR!r} lets a foreign agent know who calls")
        if joining.credential is not None and not (instance.lasting and manifest.foreign and OPERATOR in key.roles):
            raise PermissionDenied(
                f"only a join key with the role {OPERATOR!r} gives a credential, and for a foreign agent alone"
            )
        instance = msgspec.structs.replace(instance, id=self._own_id(instance, key), tenant=key.tenant)
        known = self._table.entries.get(instance.id)
        if known is not None and _owner(known) != ("agent", instance.agent, key.tenant):
            raise InstanceTaken(f"instance id {instance.id!r} belongs to another agent: register under another id")
        holder = name_holder(self._table, instance) if joining.name_from_card else None
        if holder is not None:
            raise PermissionDenied(
                f"the card's name gives {instance.agent!r}, which is the name of {holder!r}: deregister that one if it "
                f"has moved here; --name {instance.agent} adds an instance of it, another --name another agent"
            )
        return instance

    def touch(self, instance_id: str, key: KeyRecord) -> Entry:
        """The entry of an instance that the key may renew or end.

        Raises:
            UnknownLease: it does not exist, is no agent's, or belongs to another tenant.
            PermissionDenied: the key is not for this agent.
        """
        entry = self._table.entries.get(instance_id)
        if entry is None or entry.instance.kind != "agent" or entry.instance.tenant != key.tenant:
            raise UnknownLease
        self._may_name(entry.instance.agent, key)
        return entry

    def _may_name(self, agent: str, key: KeyRecord) -> None:
        if not any(fnmatchcase(agent, pattern) for pattern in key.agents):
            raise PermissionDenied(f"this join key may not register {agent!r}: use one whose agents cover it")

    def _own_id(self, instance: Instance, key: KeyRecord) -> str:
        prefix = id_prefix(instance.agent)
        name = instance.id
        if not name.startswith(prefix):
            raise InvalidParams(f"instance id {name!r} must begin with its agent's name and '-': {prefix}1, say")
        mark = self._mesh.tenant_mark(key.tenant)
        # Two tenants may have an agent of one name, or list the same card: no id of one is an id of the other.
        name = name if name.endswith(mark) else name + mark
        if len(name) > MAX_ID:
            raise InvalidParams(f"instance id {name!r} is longer than {MAX_ID} characters with its tenant's mark")
        return name


def _owner(entry: Entry) -> tuple[str, str, str]:
    return entry.instance.kind, entry.instance.agent, entry.instance.tenant
