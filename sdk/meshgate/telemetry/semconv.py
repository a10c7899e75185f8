"""Names of the attributes on spans, in one place because A2A's are not final.

A2A's own are OpenTelemetry's semantic conventions for generative AI (status: development; docs/gen-ai/a2a.md there).
Spans of messages are named after the agent and the skill, ``planner.plan``, those of operations on tasks after the
method and the agent, and those of a caller after the method. They last as long as the stream.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "AGENT_NAME",
    "AGENT_VERSION",
    "ATTEMPT",
    "BINDING",
    "CALL",
    "CONVERSATION_ID",
    "COST_USD",
    "ERROR_TYPE",
    "INFERRED",
    "INPUT_TOKENS",
    "INSTANCE",
    "JOB",
    "MESSAGE_ID",
    "METHOD",
    "OUTPUT_TOKENS",
    "PROTOCOL_VERSION",
    "REASON",
    "REFERENCE_TASK_IDS",
    "SERVER_ADDRESS",
    "SERVER_PORT",
    "SERVICE_INSTANCE",
    "SERVICE_NAME",
    "SKILL",
    "TASK_ID",
    "TASK_STATE",
    "TENANT",
    "span_name",
]

METHOD: Final = "a2a.method.name"
"""``SendMessage`` and so on; also the span's name."""
MESSAGE_ID: Final = "a2a.message.id"
TASK_ID: Final = "a2a.task.id"
TASK_STATE: Final = "a2a.task.state"
"""As in the protocol: ``TASK_STATE_COMPLETED`` and so on."""
TENANT: Final = "a2a.tenant"
"""A2A's routing label, not the tenant that owns the call."""
REFERENCE_TASK_IDS: Final = "a2a.message.reference_task_ids"
PROTOCOL_VERSION: Final = "a2a.protocol.version"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
"""A2A's context id."""
AGENT_NAME: Final = "gen_ai.agent.name"
AGENT_VERSION: Final = "gen_ai.agent.version"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
ERROR_TYPE: Final = "error.type"
"""The code of the error (``MeshError.code``), or the name of an exception's class."""
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"

SERVICE_NAME: Final = "service.name"
"""Of the resource: which program."""
SERVICE_INSTANCE: Final = "service.instance.id"
"""Of the resource: which copy of it."""

JOB: Final = "meshgate.job.id"
CALL: Final = "meshgate.call.id"
ATTEMPT: Final = "meshgate.attempt"
"""Which try of the call, from 1."""
BINDING: Final = "meshgate.binding"
"""``JSONRPC``, ``HTTP+JSON`` or ``GRPC``, as the call came in."""
SKILL: Final = "meshgate.skill"
INSTANCE: Final = "meshgate.instance.id"
REASON: Final = "meshgate.route.reason"
"""The reason for which the call went to that instance."""
INFERRED: Final = "meshgate.lineage.inferred"
"""How the place of a call that came without a lineage token was worked out: ``open`` or ``after``."""
COST_USD: Final = "meshgate.usage.cost_usd"


def span_name(method: str, agent: str, skill: str) -> str:
    """The name of the span of a call to an agent: ``planner.plan``, or ``GetTask planner``."""
    if method not in ("SendMessage", "SendStreamingMessage"):
        return f"{method} {agent}"
    return f"{agent}.{skill}" if skill not in ("", "*") else agent
