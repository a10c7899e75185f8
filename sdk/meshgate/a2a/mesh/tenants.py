"""Tenants: who shares one mesh and sees nothing of the others."""

from __future__ import annotations

__all__ = ["DEFAULT_TENANT", "in_tenant"]

DEFAULT_TENANT = "default"
"""The tenant of keys and agents that name none."""


def in_tenant(tenant: str, name: str) -> str:
    """A name as the whole mesh knows it: ``TENANT:NAME``, and in the tenant ``default`` the name itself.

    So are called an agent whose skill has a contract, and what a kill switch stops.
    """
    return name if tenant == DEFAULT_TENANT else f"{tenant}:{name}"
