"""The client of Consul: the only module that uses py-consul.

It makes up for what py-consul 1.8 lacks. Transport errors are not wrapped; the environment's CONSUL_HTTP_TOKEN beats an
explicit token; a client has to be made inside a running loop, and warns when it is; no timeout allows for the time of a
blocking query; long queries and short ones share a pool of connections.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from meshgate.a2a.codec.short_text import first_sentence
from meshgate.registry.backends.consul.address import ConsulAddress
from meshgate.registry.errors import RegistryUnavailable

__all__ = ["ConsulClient", "MissingExtra", "check_installed"]

T = TypeVar("T")


class MissingExtra(ImportError):
    """An optional dependency is not installed; the message is the line that installs it."""


class ConsulClient:
    """One pool of connections to a Consul agent.

    Args:
        address: the agent.
        timeout: seconds that one request may take in all.
        connections: how many may be open at once.
    """

    def __init__(self, address: ConsulAddress, *, timeout: float, connections: int) -> None:
        self._address = address
        self._timeout = timeout
        self._connections = connections
        self._client: Any = None

    async def call(self, request: Callable[[Any], Awaitable[T]]) -> T:
        """Make ``request`` of the py-consul client.

        Raises:
            RegistryUnavailable: Consul is out of reach, in trouble, or does not accept the token;
                ``metadata["answer"]`` is what it said, if anything.
            MissingExtra: py-consul is not installed.
        """
        aiohttp, consul = _libraries()
        if self._client is None:
            self._client = self._connect()
        where = f"Consul at {self._address.host}:{self._address.port}"
        try:
            return await request(self._client)
        except (consul.ACLPermissionDenied, consul.ACLDisabled) as error:
            needs = f"service:write on '{self._address.prefix}-*' and key:write on '{self._address.prefix}/'"
            refusal = f"{where} refused the token: it needs {needs}"
            raise RegistryUnavailable(refusal, metadata=_answer(error)) from error
        except consul.ConsulException as error:
            answer = _answer(error)
            raise RegistryUnavailable(f"{where} cannot serve: {answer['answer']}", metadata=answer) from error
        except TimeoutError as error:
            raise RegistryUnavailable(f"{where} has not answered within {self._timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            untrusted = isinstance(error, aiohttp.ClientConnectorCertificateError)
            why = "its certificate is signed by nobody who is trusted here" if untrusted else first_sentence(error)
            raise RegistryUnavailable(f"{where} cannot be reached: {why}") from error

    async def aclose(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _connect(self) -> Any:
        at = self._address
        host = f"[{at.host}]" if ":" in at.host else at.host
        with warnings.catch_warnings():
            # It always hands aiohttp 3 arguments that are deprecated there.
            warnings.filterwarnings("ignore", category=DeprecationWarning, message="(verify_ssl|ssl_context)")
            client = importlib.import_module("consul.aio").Consul(
                host=host,
                port=at.port,
                scheme="https" if at.tls else "http",
                verify=(at.ca_file or True) if at.tls else False,
                cert=(at.cert_file, at.key_file) if at.cert_file else None,
                connections_limit=self._connections,
                connections_timeout=self._timeout,
            )
        client.token = at.token
        return client


def check_installed() -> None:
    """Check that py-consul can be imported, before anything depends on it.

    Raises:
        MissingExtra: it cannot; the message is the line that installs it.
    """
    _libraries()


def _libraries() -> tuple[Any, Any]:
    try:
        return importlib.import_module("aiohttp"), importlib.import_module("consul.exceptions")
    except ImportError as error:
        raise MissingExtra("the Consul registry needs an extra: pip install 'meshgate[consul]'") from error


def _answer(error: Exception) -> dict[str, str]:
    return {"answer": str(error)[:200]}
