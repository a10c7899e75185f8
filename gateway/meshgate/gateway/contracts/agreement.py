"""The agreement between two releases of a contract: what holds for all calls between them."""

from __future__ import annotations

from meshgate.a2a.mesh import headers as names
from meshgate.gateway.contracts.known_contract import KnownContract
from meshgate.gateway.contracts.transform import Converter
from meshgate.gateway.facts import Spoken
from meshgate.registry.schemas import Release, Stage

__all__ = ["Agreement"]


class Agreement:
    """What holds for all calls from a caller of one release to an agent of another.

    Args:
        known: the contract.
        caller: the release that the caller speaks.
        agent: the release that the agent runs.

    Attributes:
        spoken: the fact that the caller stated its release.
        headers: what each answer says of the two releases.
        output: converts answers, and ``history`` what a history repeats of the caller; None if there is nothing to do.
    """

    __slots__ = ("headers", "history", "output", "spoken")

    def __init__(self, known: KnownContract, caller: str, agent: str) -> None:
        self.spoken = Spoken(caller)
        self.headers: dict[str, str] = {}
        self.output: Converter | None = None
        self.history: Converter | None = None
        if known.subject.settings.mediation == "enforce":
            self.headers[names.SCHEMA] = f"in={caller}>{agent}; out={agent}>{caller}"
        release = known.releases.get(caller)
        if release is not None and release.stage is Stage.DEPRECATED:
            self.headers[names.DEPRECATED] = _deprecation(release)


def _deprecation(release: Release) -> str:
    """The header's text about a deprecated release."""
    said = [release.version]
    if release.sunset:
        said.append(f"sunset={release.sunset}")
    notice = "".join(each for each in release.notice if each.isascii() and each.isprintable() and each != '"')
    if notice:
        said.append(f'notice="{notice[:512]}"')
    return "; ".join(said)
