"""The messages of ``ListTasks`` (specification 1.0.1, sections 3.1.4 and 4.2)."""

from __future__ import annotations

from typing import Final

from meshgate.a2a.codec.timestamps import seconds_of
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.types import A2AMessage, Task, TaskState, check_context, check_history, check_label

__all__ = ["MOST_TASKS", "MOST_TOKEN", "USUAL_TASKS", "ListTasksRequest", "ListTasksResponse", "earliest"]

USUAL_TASKS: Final = 50
"""Tasks on a page, if the request does not say how many."""
MOST_TASKS: Final = 100
"""Most tasks on a page."""
_AFTER = "statusTimestampAfter"
MOST_TOKEN: Final = 4096
"""Longest page token, in characters."""


class ListTasksRequest(A2AMessage, frozen=True):
    """``ListTasks``: which tasks of the caller's, and which page of them."""

    tenant: str = ""
    context_id: str = ""
    status: TaskState = TaskState.UNSPECIFIED
    """The state that they are in; unspecified for any."""
    page_size: int | None = None
    page_token: str = ""
    history_length: int | None = None
    status_timestamp_after: str | None = None
    """The time from which on they entered their state (RFC 3339)."""
    include_artifacts: bool | None = None

    def __post_init__(self) -> None:
        check_label(self.tenant)
        check_context(self.context_id)
        check_history(self.history_length)
        if self.page_size is not None and not 1 <= self.page_size <= MOST_TASKS:
            raise ValueError(f"pageSize must be from 1 to {MOST_TASKS}")
        if len(self.page_token) > MOST_TOKEN:
            raise ValueError("pageToken must be one that an answer gave")


class ListTasksResponse(A2AMessage, frozen=True):
    """A page of tasks, those first whose state is the youngest."""

    tasks: list[Task]
    next_page_token: str
    """For the next page; "" where there is none."""
    page_size: int
    """Most tasks that the page was to have."""
    total_size: int
    """Tasks of the whole list."""


def earliest(request: ListTasksRequest) -> float | None:
    """The time from which on tasks entered the state that they are in, in seconds since 1970; None for any.

    Raises:
        InvalidParams: the request's text is no time.
    """
    if not request.status_timestamp_after:
        return None
    seconds = seconds_of(request.status_timestamp_after)
    if seconds is None:
        what = "must be a time of RFC 3339"
        raise InvalidParams(f"{_AFTER} {what}", violations=((_AFTER, what),))
    return seconds
