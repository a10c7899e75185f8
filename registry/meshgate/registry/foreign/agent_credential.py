"""What a foreign agent asks of its callers: a credential, and the certificate authority that it is known by."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

import msgspec

from meshgate.a2a.card_types import AgentCard, APIKeySecurityScheme, OAuthFlow
from meshgate.a2a.errors import InvalidParams
from meshgate.registry.model import Endpoint
from meshgate.registry.secret_text import read_secret

__all__ = ["AgentCredential", "GivenCredential", "OAuth2Client", "check_credential", "credential_for", "endpoints_for"]

_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,128}\Z")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,8190}[\x21-\x7e])?\Z")
_COOKIE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,4096}\Z")
_OURS = re.compile(
    r"(?:a2a-.*|meshgate-.*|grpc-.*|accept.*|connection|content-.*|expect|host|keep-alive|proxy-.*|te|trailer|"
    r"traceparent|tracestate|transfer-encoding|upgrade)\Z"
)
"""Headers that a gateway sets itself, or that belong to one connection."""
_QUERY = re.compile(r"[A-Za-z0-9._~%-]{1,128}=[A-Za-z0-9._~%-]{1,8192}\Z")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_MOST_HEADERS = 16
_MOST_CA = 64 * 1024


class OAuth2Client(msgspec.Struct, frozen=True, omit_defaults=True):
    """A client of an OAuth 2 server, for the flow with client credentials (RFC 6749, section 4.4)."""

    token_url: str
    client_id: str
    client_secret: str
    scope: str = ""


class AgentCredential(msgspec.Struct, frozen=True, omit_defaults=True):
    """What gateways send with every request to a foreign agent, and how they know it. Holds secrets: it is never shown.

    Attributes:
        headers: headers, and metadata over gRPC; names in lower case.
        query: ``name=value`` for the URL's query, if the agent wants its key there.
        oauth2: where the bearer token comes from, if it is not among the headers.
        ca: certificates of authorities in PEM; empty for those of the system.
    """

    headers: dict[str, str] = {}
    query: str = ""
    oauth2: OAuth2Client | None = None
    ca: str = ""

    def __repr__(self) -> str:
        return f"AgentCredential({', '.join(self.kinds) or 'none'})"

    @property
    def kinds(self) -> tuple[str, ...]:
        """What it consists of, without any secret."""
        others = (("query", self.query), ("oauth2", self.oauth2), ("ca", self.ca))
        return (*self.headers, *(name for name, value in others if value))


class GivenCredential(msgspec.Struct, frozen=True):
    """What an operator said of a foreign agent's credential: secrets as ``read_secret`` takes them, or in clear.

    Attributes:
        bearer: a bearer token. api_key: the key of the card's scheme ``apiKeySecurityScheme``.
        oauth2: ``token_url`` may be empty: then it is the card's.
    """

    headers: Mapping[str, str] = {}
    bearer: str = ""
    api_key: str = ""
    oauth2: OAuth2Client | None = None
    ca: str = ""

    def in_clear(self, environ: Mapping[str, str], named: Callable[[str], str]) -> GivenCredential:
        """The same with every secret read from where it is, and ``ca``, a path, as what is in that file.

        Args:
            named: how an error calls ``headers.NAME``, ``bearer``, ``api_key``, ``oauth2`` and ``ca``.

        Raises:
            InvalidParams: a secret is not there.
        """

        def read(key: str, text: str) -> str:
            return read_secret(text, environ, named(key))

        client = self.oauth2
        if client is not None:
            client = msgspec.structs.replace(client, client_secret=read("oauth2", client.client_secret))
        return GivenCredential(
            {name: read(f"headers.{name}", text) for name, text in self.headers.items()},
            read("bearer", self.bearer),
            read("api_key", self.api_key),
            client,
            read_secret(f"file:{self.ca}", environ, named("ca"), private=False) if self.ca else "",
        )

    def before_the_card(self) -> dict[str, str]:
        """The headers that are known before the card says how the rest is shown."""
        bearer = {"authorization": f"Bearer {self.bearer}"} if self.bearer else {}
        return {**{name.lower(): value for name, value in self.headers.items()}, **bearer}


def credential_for(given: GivenCredential, card: AgentCard, card_url: str) -> AgentCredential | None:
    """The credential for the agent of a card; None if nothing was given.

    Args:
        card_url: where the card was found.

    Raises:
        InvalidParams: something given cannot be sent, or does not go with the card. The message holds no secret.
    """
    headers = {name.lower(): text for name, text in given.headers.items()}
    query = ""
    if given.bearer:
        _add(headers, "authorization", f"Bearer {given.bearer}")
    if given.api_key:
        scheme = _api_key_scheme(card)
        if scheme.location == "query":
            query = f"{quote(scheme.name, safe='')}={quote(given.api_key, safe='')}"
        elif scheme.location == "cookie":
            if _COOKIE.match(given.api_key) is None:
                raise InvalidParams("the API key holds a character that no cookie may hold")
            _add(headers, "cookie", f"{scheme.name}={given.api_key}")
        else:
            _add(headers, scheme.name.lower(), given.api_key)
    if given.oauth2 is not None and "authorization" in headers:
        raise InvalidParams("an OAuth2 client and another Authorization are given: leave one out")
    oauth2 = given.oauth2
    if oauth2 is not None and not oauth2.token_url:
        oauth2 = msgspec.structs.replace(oauth2, token_url=_token_url(card, card_url))
    found = AgentCredential(headers, query, oauth2, given.ca)
    if not found.kinds:
        return None
    check_credential(found)
    return found


def check_credential(credential: AgentCredential) -> None:
    """Refuse a credential that cannot be sent.

    Raises:
        InvalidParams: says what is wrong, without any secret.
    """
    if len(credential.headers) > _MOST_HEADERS:
        raise InvalidParams(f"at most {_MOST_HEADERS} headers may be given")
    for name, text in credential.headers.items():
        _check_name(name)
        if _VALUE.match(text) is None:
            raise InvalidParams(f"the value of {name!r} must be 1 to 8192 visible ASCII characters in one line")
    if credential.query and _QUERY.match(credential.query) is None:
        raise InvalidParams("the key in the query must be name=value, percent-encoded")
    if credential.oauth2 is not None:
        _check_client(credential.oauth2)
    if credential.ca:
        _check_ca(credential.ca)


def endpoints_for(
    endpoints: tuple[Endpoint, ...], credential: AgentCredential | None, card_url: str, *, given: bool
) -> tuple[Endpoint, ...]:
    """The addresses at which a credential is shown.

    A key in the query has no place over gRPC. A card may name any server, and may name another one tomorrow: the
    credential goes to the card's own host, or where the operator says.

    Args:
        given: whether the operator gave the address.

    Raises:
        InvalidParams: there is none, or one is on another host.
    """
    if credential is None:
        return endpoints
    found = tuple(endpoint for endpoint in endpoints if not credential.query or endpoint.binding != "GRPC")
    if not found:
        raise InvalidParams("the agent wants its API key in the query, and is reached over gRPC alone")
    own = _host(card_url)
    for endpoint in () if given else found:
        if _host(endpoint.url) != own:
            raise InvalidParams(
                f"the card is on {own} and sends calls, and the credential with them, to {endpoint.url[:200]}: "
                "if that is meant, give the agent's URL"
            )
    return found


def _host(url: str) -> str:
    try:
        host = urlsplit(url if "://" in url else f"grpc://{url}").hostname or ""
    except ValueError:
        host = ""
    return "this machine" if host in _LOOPBACK else host


def _check_name(name: str) -> None:
    if _NAME.match(name) is None or name.endswith("-bin"):
        raise InvalidParams(f"{name[:64]!r} is no name of a header")
    if _OURS.match(name) is not None:
        raise InvalidParams(f"the header {name[:64]!r} is set by the gateway: leave it out")


def _add(headers: dict[str, str], name: str, value: str) -> None:
    if name in headers:
        raise InvalidParams(f"the header {name!r} is given twice: leave one out")
    headers[name] = value


def _api_key_scheme(card: AgentCard) -> APIKeySecurityScheme:
    schemes = [one.api_key_security_scheme for one in card.security_schemes.values()]
    found = [one for one in schemes if one is not None]
    if len(found) != 1:
        how = "no scheme of API keys" if not found else f"{len(found)} schemes of API keys"
        raise InvalidParams(f"the card has {how}: give the key as a header of its name")
    if found[0].location not in ("header", "query", "cookie"):
        raise InvalidParams(f"the card wants its API key in {found[0].location[:32]!r}: give it as a header")
    return found[0]


def _check_client(client: OAuth2Client) -> None:
    try:
        parts = urlsplit(client.token_url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise InvalidParams(
            f"the token URL {client.token_url[:200]!r} must be https, or http on loopback: a secret is sent there"
        )
    if not client.client_id or not client.client_secret:
        raise InvalidParams("OAuth2 needs the client's id and its secret")


def _token_url(card: AgentCard, card_url: str) -> str:
    schemes = [one.oauth2_security_scheme for one in card.security_schemes.values()]
    flows: list[OAuthFlow | None] = [one.flows.client_credentials for one in schemes if one is not None]
    urls = {flow.token_url for flow in flows if flow is not None and flow.token_url}
    if len(urls) != 1:
        raise InvalidParams(f"the card names {len(urls) or 'no'} URL of tokens for clients: give the token URL")
    (url,) = urls
    if urlsplit(url).netloc != urlsplit(card_url).netloc:
        # A card may name any server; the client's secret goes where the operator says.
        raise InvalidParams(f"the card asks for tokens at another server: if that is meant, give the token URL {url}")
    return url


def _check_ca(pem: str) -> None:
    try:
        if len(pem) > _MOST_CA:
            raise ValueError
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=pem)
        if not context.get_ca_certs():
            raise ValueError
    except (ssl.SSLError, ValueError):
        raise InvalidParams("the CA is no certificate of an authority in PEM") from None
