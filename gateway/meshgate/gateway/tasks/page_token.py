"""Page tokens of a mesh: a place in a list of tasks, for one caller and one question only."""

from __future__ import annotations

from meshgate.a2a.lists.page_token import PageTokens
from meshgate.a2a.mesh.task_ids import TaskTags

__all__ = ["page_tokens"]

_MAC = 12


def page_tokens(tags: TaskTags, tenant: str, asked: str) -> PageTokens:
    """Those of one question, under the mesh key of ``tags``, so that each gateway reads those of the others.

    Args:
        asked: ``TaskQuery.digest``.
    """
    return PageTokens(lambda place: tags.mac(b"tasks.page", tenant, place, asked, _MAC))
