"""Agent cards as values (specification 1.0.1, section 4.4), and the terms of the extension ``CAPABILITIES_URI``."""

from __future__ import annotations

from typing import Any

import msgspec

from meshgate.a2a.messages.base import A2AMessage, check_label

__all__ = [
    "APIKeySecurityScheme",
    "AgentCard",
    "AgentInterface",
    "AgentSkill",
    "GetExtendedAgentCardRequest",
    "OAuthFlow",
    "SecurityScheme",
    "SkillTerms",
    "Terms",
]


class AgentInterface(A2AMessage, frozen=True):
    """One address of an agent."""

    url: str
    protocol_binding: str
    tenant: str = ""
    protocol_version: str = "1.0"

    def __post_init__(self) -> None:
        for name, text in (("url", self.url), ("protocolBinding", self.protocol_binding)):
            if not text:
                raise ValueError(f"{name} must not be empty")


class AgentProvider(A2AMessage, frozen=True):
    """Who offers an agent."""

    url: str
    organization: str


class AgentExtension(A2AMessage, frozen=True):
    """An extension of the protocol that an agent speaks."""

    uri: str
    description: str = ""
    required: bool = False
    params: dict[str, Any] = {}


class AgentCapabilities(A2AMessage, frozen=True):
    """What an agent can do beyond the least."""

    streaming: bool | None = None
    push_notifications: bool | None = None
    extensions: list[AgentExtension] = []
    extended_agent_card: bool | None = None


class APIKeySecurityScheme(A2AMessage, frozen=True):
    """A key in a header, the query or a cookie."""

    location: str
    name: str
    description: str = ""


class HTTPAuthSecurityScheme(A2AMessage, frozen=True):
    """A scheme of HTTP's ``Authorization``, such as Bearer."""

    scheme: str
    description: str = ""
    bearer_format: str = ""


class OAuthFlow(A2AMessage, frozen=True):
    """One OAuth 2 flow: the fields of all of them."""

    authorization_url: str = ""
    device_authorization_url: str = ""
    token_url: str = ""
    refresh_url: str = ""
    scopes: dict[str, str] = {}
    pkce_required: bool = False


class OAuthFlows(A2AMessage, frozen=True):
    """The one OAuth 2 flow of a scheme."""

    authorization_code: OAuthFlow | None = None
    client_credentials: OAuthFlow | None = None
    implicit: OAuthFlow | None = None
    password: OAuthFlow | None = None
    device_code: OAuthFlow | None = None


class OAuth2SecurityScheme(A2AMessage, frozen=True):
    """OAuth 2."""

    flows: OAuthFlows
    description: str = ""
    oauth2_metadata_url: str = ""


class OpenIdConnectSecurityScheme(A2AMessage, frozen=True):
    """OpenID Connect."""

    open_id_connect_url: str
    description: str = ""


class MutualTlsSecurityScheme(A2AMessage, frozen=True):
    """A certificate of the client."""

    description: str = ""


class SecurityScheme(A2AMessage, frozen=True):
    """How an agent is told who calls: one of these."""

    api_key_security_scheme: APIKeySecurityScheme | None = None
    http_auth_security_scheme: HTTPAuthSecurityScheme | None = None
    oauth2_security_scheme: OAuth2SecurityScheme | None = None
    open_id_connect_security_scheme: OpenIdConnectSecurityScheme | None = None
    mtls_security_scheme: MutualTlsSecurityScheme | None = None


class SecurityRequirement(A2AMessage, frozen=True):
    """Schemes that are needed together, each with its scopes: a list, or ``{"list": [...]}``."""

    schemes: dict[str, Any] = {}


class AgentSkill(A2AMessage, frozen=True):
    """One skill as a card lists it."""

    id: str
    name: str
    description: str = ""
    tags: list[str] = []
    examples: list[str] = []
    input_modes: list[str] = []
    output_modes: list[str] = []
    security_requirements: list[SecurityRequirement] = []

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("id must not be empty")


class AgentCardSignature(A2AMessage, frozen=True):
    """A signature of a card (RFC 7515)."""

    protected: str
    signature: str
    header: dict[str, Any] = {}


class AgentCard(A2AMessage, frozen=True):
    """A card of A2A 1.0 (section 4.4.1)."""

    name: str
    version: str
    supported_interfaces: list[AgentInterface]
    skills: list[AgentSkill]
    description: str = ""
    provider: AgentProvider | None = None
    documentation_url: str = ""
    icon_url: str = ""
    capabilities: AgentCapabilities = AgentCapabilities()
    security_schemes: dict[str, SecurityScheme] = {}
    security_requirements: list[SecurityRequirement] = []
    default_input_modes: list[str] = []
    default_output_modes: list[str] = []
    signatures: list[AgentCardSignature] = []


class SkillTerms(msgspec.Struct, frozen=True, omit_defaults=True):
    """The terms of one skill in the extension."""

    version: str = ""
    labels: dict[str, str] = {}
    cost_usd: float | None = None
    latency: float | None = None
    reentrant: int = 1
    default: bool = False
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    input_type: str = ""
    """Full name of the message that the skill takes, if it has a contract; ``version`` is the contract's too."""
    output_type: str = ""
    """The same of what it gives."""


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """The extension's ``params``: terms by skill id, and whether all instances share one task store."""

    skills: dict[str, SkillTerms] = {}
    shared_tasks: bool = False


class GetExtendedAgentCardRequest(A2AMessage, frozen=True):
    """``GetExtendedAgentCard``."""

    tenant: str = ""

    def __post_init__(self) -> None:
        check_label(self.tenant)
