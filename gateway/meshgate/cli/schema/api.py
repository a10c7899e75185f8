"""The requests of the commands about contracts to the admin API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshgate.cli.admin_client import Admin, segment
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema.model import ReleaseView, SubjectPage, SubjectSummary, SubjectView

if TYPE_CHECKING:
    from meshgate.registry.schemas import Image

__all__ = ["change", "find_subject", "get_subject", "list_subjects", "path_of", "release_image", "release_of"]

_UNKNOWN = "UNKNOWN_CONTRACT"
_LISTS = "'meshgate schema list' and 'meshgate schema show AGENT/SKILL' say what there is"
_PAGE = 1000
_MOST_PAGES = 1000


def path_of(subject: str) -> str:
    """The path of a subject in the admin API.

    Raises:
        CliError: the subject is not of the form AGENT/SKILL.
    """
    agent, slash, skill = subject.partition("/")
    if not (agent and slash and skill) or "/" in skill:
        raise CliError(f"{subject!r} names no skill", Exit.USAGE, "write AGENT/SKILL, such as weather/forecast")
    return f"schemas/{segment(agent)}/{segment(skill)}"


def find_subject(admin: Admin, subject: str) -> SubjectView | None:
    """A skill's contract; None if it has none."""
    try:
        found: SubjectView = admin.get(path_of(subject), SubjectView)
    except CliError as error:
        if error.reason == _UNKNOWN:
            return None
        raise
    return found


def change(admin: Admin, subject: str, path: str, body: dict[str, Any], *, put: bool = False) -> dict[str, Any]:
    """Change a skill's contract, and return the answer.

    Raises:
        CliError: there is no such contract or release, or the change is not allowed.
    """
    try:
        answer: dict[str, Any] = admin.post(f"{path_of(subject)}/{path}", body, method="PUT" if put else "POST")
    except CliError as error:
        remedy = {_UNKNOWN: _LISTS, "STAGE_REFUSED": "'meshgate schema promote --help' shows the ways"}
        message = error.message.partition(": GET ")[0] if error.reason == _UNKNOWN else error.message
        raise CliError(message, error.code, remedy.get(error.reason, error.remedy), reason=error.reason) from None
    return answer


def get_subject(admin: Admin, subject: str) -> SubjectView:
    """A skill's contract.

    Raises:
        CliError: it has none.
    """
    found = find_subject(admin, subject)
    if found is None:
        raise CliError(f"{subject} has no contract", remedy="'meshgate schema list' shows those that have")
    return found


def list_subjects(admin: Admin, agent: str = "") -> SubjectPage:
    """Every skill that has a contract."""
    subjects: tuple[SubjectSummary, ...] = ()
    after = ""
    for _ in range(_MOST_PAGES):
        page: SubjectPage = admin.get("schemas", SubjectPage, agent=agent, after=after, limit=_PAGE)
        subjects += page.subjects
        if not page.next or page.next == after:
            break
        after = page.next
    return SubjectPage(subjects)


def release_of(subject: SubjectView, version: str) -> ReleaseView:
    """The release of that version; ``latest`` is the newest that is served.

    Raises:
        CliError: there is none.
    """
    if version == "latest" and subject.releases:
        served = [one for one in subject.releases if one.stage in ("active", "deprecated")]
        return (served or subject.releases)[-1]
    found = subject.release(version)
    if found is None:
        has = ", ".join(one.version for one in subject.releases) or "none"
        raise CliError(f"{subject.subject} has no release {version}", remedy=f"it has {has}")
    return found


def release_image(admin: Admin, subject: SubjectView, release: ReleaseView, side: str) -> Image | None:
    """The image of a release's input or output; None if the release has none.

    Raises:
        CliError: the mesh has lost the image.
    """
    from meshgate.registry.schemas import load_image

    ref = release.input if side == "input" else release.output
    if ref is None:
        return None
    return load_image(admin.data(f"{path_of(subject.subject)}/releases/{segment(release.version)}/{side}"))
