"""The address of a Consul agent, with its credentials."""

from __future__ import annotations

import msgspec

from meshgate.a2a.errors import InvalidParams

__all__ = ["ConsulAddress", "check_address"]


class ConsulAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a Consul agent listens, and how to be let in."""

    host: str = "127.0.0.1"
    port: int = 8500
    tls: bool = False
    ca_file: str = ""
    """Certificates to trust instead of the system's."""
    cert_file: str = ""
    key_file: str = ""
    """A client certificate with its key, where Consul asks for one."""
    token: str = ""
    """The ACL token. The environment's CONSUL_HTTP_TOKEN is not looked at."""
    prefix: str = "meshgate"
    """What the names of services and keys begin with."""

    def __repr__(self) -> str:
        return f"ConsulAddress({'https' if self.tls else 'http'}://{self.host}:{self.port})"


def check_address(address: ConsulAddress) -> ConsulAddress:
    """The address, if its fields fit together.

    Raises:
        InvalidParams: what is wrong with it.
    """
    if not 0 < address.port < 65536:
        raise InvalidParams(f"{address.port} is no port")
    if bool(address.cert_file) != bool(address.key_file):
        raise InvalidParams("a client certificate needs its key: give both cert_file and key_file, or neither")
    if not address.tls and (address.ca_file or address.cert_file):
        raise InvalidParams("certificates are for consul+https:// alone")
    if not address.prefix.replace("-", "").isalnum() or not address.prefix.isascii() or len(address.prefix) > 32:
        raise InvalidParams(f"{address.prefix[:64]!r} is no prefix: letters, digits and '-', at most 32")
    return address
