"""The client of the admin API. ``MESHGATE_ADMIN_URL`` and ``MESHGATE_ADMIN_KEY`` say where it is, else ``run.json``."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import quote

import msgspec

from meshgate.cli.exits import CliError, Exit
from meshgate.registry.home import Home

if TYPE_CHECKING:
    import httpx

__all__ = ["Admin", "segment"]

_SECONDS = 10.0
_TOO_OLD = "TOO_OLD"
"""The reason of an error that says that a gateway does not know a path."""


class Admin:
    """A client of the admin API.

    Args:
        environ: holds the API's address and key.
        transport: carries the requests; the network if left out.
        seconds: how long an answer may take.

    Raises:
        CliError: there is no address or no key.
    """

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        transport: httpx.BaseTransport | None = None,
        *,
        seconds: float = _SECONDS,
    ) -> None:
        import httpx

        self.url, key = _find(environ)
        self._client = httpx.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {key}"},
            timeout=seconds,
            trust_env=False,
            # Certificates take long to load, and are for https alone.
            verify=ssl.create_default_context()
            if self.url.startswith("https:")
            else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str, kind: Any, **query: str | int) -> Any:
        """The answer of ``/api/v1/PATH``, decoded as ``kind``.

        Raises:
            CliError: the API did not answer, or refused.
        """
        return self._decode(self._ask("GET", path, params=query), kind)

    def find(self, path: str, kind: Any, otherwise: Any) -> Any:
        """What ``get`` gives; ``otherwise`` from a gateway of a release that does not know the path."""
        try:
            return self.get(path, kind)
        except CliError as error:
            if error.reason != _TOO_OLD:
                raise
            return otherwise

    def raw(self, path: str, **query: str | int) -> msgspec.Raw:
        """The answer of ``/api/v1/PATH``, as the JSON that came. Raises as ``get`` does."""
        return msgspec.Raw(self._ask("GET", path, params=query))

    def data(self, path: str) -> bytes:
        """The answer of ``/api/v1/PATH``, as bytes. Raises as ``get`` does."""
        return self._ask("GET", path)

    def post(self, path: str, body: Any, kind: Any = dict[str, Any], *, method: Literal["POST", "PUT"] = "POST") -> Any:
        """Send a change to ``/api/v1/PATH``. The answer is decoded as ``kind``; raises as ``get`` does."""
        return self._decode(self._ask(method, path, json=body), kind)

    def _decode(self, body: bytes, kind: Any) -> Any:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.MsgspecError as error:
            raise CliError(f"what answers at {self.url} is no Meshgate admin port: {error}") from None

    def _ask(self, method: str, path: str, **request: Any) -> bytes:
        import httpx

        try:
            response = self._client.request(method, f"/api/v1/{path}", **request)
        except (httpx.TransportError, httpx.InvalidURL):
            raise CliError(
                f"the admin port at {self.url} does not answer",
                Exit.UNREACHABLE,
                "'meshgate doctor' looks for the cause",
            ) from None
        if response.status_code == 200:
            return response.content
        raise _refused(response.status_code, response.content, self.url)


def segment(text: str) -> str:
    """``text`` as one segment of a path."""
    return quote(text, safe="")


def _refused(status: int, body: bytes, url: str) -> CliError:
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        said = {}
    text = str(said.get("message") or said.get("detail") or f"HTTP {status}")
    reason = str(said.get("code", ""))
    if status in (401, 403):
        return CliError(f"the admin port at {url} does not accept the key", Exit.DENIED, "set MESHGATE_ADMIN_KEY")
    if status == 404 and not reason and text == "Not Found":  # FastAPI's answer for a path that does not exist
        return CliError(f"the gateway at {url} is too old to answer this", remedy="update it", reason=_TOO_OLD)
    if reason == "REGISTRY_UNAVAILABLE":
        return CliError(text, Exit.UNREACHABLE, "try again", reason=reason)
    if status in (400, 422):
        return CliError(text, Exit.USAGE, reason=reason)
    return CliError(text, reason=reason)


def _find(environ: Mapping[str, str]) -> tuple[str, str]:
    url, key = environ.get("MESHGATE_ADMIN_URL", "").rstrip("/"), environ.get("MESHGATE_ADMIN_KEY", "")
    if url and key:
        return url, key
    home = Home.find(environ)
    run = home.read()
    if not url:
        if run is None:
            raise CliError(
                f"no mesh runs from {home.path}",
                Exit.UNREACHABLE,
                "start one with 'meshgate up', or set MESHGATE_ADMIN_URL and MESHGATE_ADMIN_KEY",
            )
        url = run.admin
    # The local mesh's key is for the local mesh: it is never sent to an address from elsewhere.
    if not key and run is not None and url == run.admin:
        key = run.admin_key
    if not key:
        raise CliError(f"no key for the admin port at {url}", Exit.DENIED, "set MESHGATE_ADMIN_KEY")
    return url, key
