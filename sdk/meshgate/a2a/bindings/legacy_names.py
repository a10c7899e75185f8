"""The names that servers and clients of A2A 0.3 have for its errors (specification 0.3.0, section 8.2)."""

from __future__ import annotations

__all__ = ["CODE_OF", "NAME_OF"]

CODE_OF: dict[str, str] = {
    "ParseError": "PARSE_ERROR",
    "JSONParseError": "PARSE_ERROR",
    "InvalidRequestError": "INVALID_REQUEST",
    "MethodNotFoundError": "METHOD_NOT_FOUND",
    "InvalidParamsError": "INVALID_PARAMS",
    "InternalError": "INTERNAL_ERROR",
    "TaskNotFoundError": "TASK_NOT_FOUND",
    "TaskNotCancelableError": "TASK_NOT_CANCELABLE",
    "PushNotificationNotSupportedError": "PUSH_NOTIFICATION_NOT_SUPPORTED",
    "UnsupportedOperationError": "UNSUPPORTED_OPERATION",
    "ContentTypeNotSupportedError": "CONTENT_TYPE_NOT_SUPPORTED",
    "InvalidAgentResponseError": "INVALID_AGENT_RESPONSE",
    "AuthenticatedExtendedCardNotConfiguredError": "EXTENDED_AGENT_CARD_NOT_CONFIGURED",
}
"""The code of each error by its name."""
NAME_OF = {code: name for name, code in CODE_OF.items()}
"""The name of each error by its code."""
