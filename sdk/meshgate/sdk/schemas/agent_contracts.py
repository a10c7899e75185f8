"""An agent's contracts: derived once its skills are known, by the numbers in its lock file."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog

from meshgate.a2a.limits import Limits
from meshgate.sdk.schemas.contract_codec import contract_codec
from meshgate.sdk.schemas.derive.derive import derive
from meshgate.sdk.schemas.derive.derived_contract import DerivedContract
from meshgate.sdk.schemas.errors import BadLock, StaleLock
from meshgate.sdk.schemas.lock.lockfile import check_writable, locked, read_lock, read_releases, write_lock
from meshgate.sdk.schemas.lock.numbers import Numbering, Numbers
from meshgate.sdk.schemas.lock.releases import release_tree, same_content
from meshgate.sdk.skills.skill import Keep, Skill

__all__ = ["AgentContracts"]

log = structlog.get_logger(__name__)

SETTING = "MESHGATE_CONTRACTS"
"""``frozen``: a lock file that is not current is an error. Without it, it is brought up to date."""


class AgentContracts:
    """The contracts of one agent.

    Args:
        path: the lock file.
        agent: the agent's name.
        limits: how large a schema may be.
        environ: where ``MESHGATE_CONTRACTS`` is looked for.

    Attributes:
        images: the descriptor sets, for the registration.
    """

    def __init__(self, path: Path, agent: str, limits: Limits, environ: Mapping[str, str]) -> None:
        self._path = path
        self._agent = agent
        self._limits = limits
        self._environ = environ
        self._plain: dict[str, Skill] = {}
        self._typed: dict[str, Skill] = {}
        self._derived: Mapping[str, DerivedContract] = {}
        self.images: tuple[bytes, ...] = ()

    def apply(self, skills: dict[str, Skill], *, keep: Keep = "no") -> None:
        """Give the skills their contracts, in place.

        Args:
            skills: by name; those that have theirs already are left alone.
            keep: whether to bring the lock file up to date: now, or later by ``save``, once the mesh has accepted the
                release, so that a refused one leaves the file as it was; ``check`` refuses one that is not current.

        Raises:
            BadContract, BadSchema: a type cannot become a contract.
            BadLock: the lock file cannot be used, or will not be written; it is left as it was.
            StaleLock: it is not current, and is not to be written.
        """
        if keep == "no" and all(self._typed.get(name) is skill for name, skill in skills.items()):
            return
        for name, skill in skills.items():
            if self._typed.get(name) is not skill:
                self._plain[name] = skill
        frozen = self._frozen() or keep == "check"
        with locked(self._path) if keep != "no" and not frozen else contextlib.nullcontext():
            known = read_lock(self._path)
            derived = {name: self._derive(skill, known) for name, skill in self._plain.items()}
            if keep != "no" or frozen:
                self._keep(derived, known, frozen=frozen, later=keep == "later")
        self._apply_contracts(skills, derived)

    def save(self) -> None:
        """Bring the lock file up to date with the contracts that the skills have.

        Raises:
            BadLock: it cannot be written, or somebody else gave out the numbers meanwhile.
        """
        if self._frozen():
            return
        with locked(self._path):
            known = read_lock(self._path)
            derived = {name: self._derive(skill, known) for name, skill in self._plain.items()}
            if _images_of(derived).keys() != _images_of(self._derived).keys():
                raise BadLock(f"{self._path}: another agent changed it meanwhile: start this one again")
            self._keep(derived, known, frozen=False)

    def _keep(
        self,
        derived: Mapping[str, DerivedContract],
        known: Mapping[str, Numbering],
        *,
        frozen: bool,
        later: bool = False,
    ) -> None:
        """Bring the lock file up to date, or refuse one that is not if it is frozen.

        Args:
            later: only check that it can be written, if it has to be.
        """
        made = {self._subject(name): each.numbering for name, each in derived.items() if each.numbering.messages}
        had = read_releases(self._path)
        releases = {self._subject(name): self._release(name, each) for name, each in derived.items() if each.sides}
        stale = [name for name, numbering in made.items() if known.get(name) != numbering]
        if stale and frozen:
            raise StaleLock(self._refusal(stale[0], _difference(known.get(stale[0], Numbering()), made[stale[0]])))
        if frozen:
            # A skill of protobuf messages alone needs no entry: its numbers are not given here.
            other = [
                name
                for name, tree in releases.items()
                if not same_content(had.get(name), tree) and (name in had or name in made)
            ]
            if other:
                raise StaleLock(self._refusal(other[0], "a type or a constraint differs from the file"))
            return
        stale = sorted({*stale, *(name for name, tree in releases.items() if had.get(name) != tree)})
        if stale and later:
            check_writable(self._path)
        elif stale:
            write_lock(self._path, {**known, **made}, {**had, **releases})
            log.info("contracts_lock_written", path=str(self._path), contracts=stale, next="commit it")

    def _release(self, name: str, each: DerivedContract) -> dict[str, Any]:
        skill = self._plain[name]
        takes, gives = ((side.type, side.image) if side is not None else None for side in (each.takes, each.gives))
        return release_tree(skill.version, takes, gives, skill.migrations)

    def _subject(self, skill: str) -> str:
        return f"{self._agent}/{skill}"

    def _frozen(self) -> bool:
        setting = self._environ.get(SETTING, "")
        if setting not in ("", "frozen"):
            raise BadLock(f"{SETTING}={setting!r} is not known: set it to 'frozen', or leave it out")
        return setting == "frozen"

    def _derive(self, skill: Skill, known: Mapping[str, Numbering]) -> DerivedContract:
        numbering = known.get(self._subject(skill.id), Numbering())
        return derive(self._agent, skill.id, skill.takes.annotation, skill.gives.annotation, numbering, self._limits)

    def _apply_contracts(self, skills: dict[str, Skill], derived: Mapping[str, DerivedContract]) -> None:
        for name, each in derived.items():
            skill = self._plain[name]
            takes, gives = skill.takes, skill.gives
            if each.takes is not None:
                takes = contract_codec(takes, each.takes, skill.version)
            if each.gives is not None:
                gives = contract_codec(gives, each.gives, skill.version)
            self._typed[name] = skills[name] = msgspec.structs.replace(skill, takes=takes, gives=gives)
        self._derived = derived
        self.images = tuple(_images_of(derived).values())

    def _refusal(self, subject: str, what: str) -> str:
        frozen = f" without {SETTING}=frozen" if self._frozen() else ""
        remedy = f"run the agent once{frozen}, or 'meshgate schema lock', and commit the file"
        return f"{self._path}: {subject}: {what}: {remedy}"


def _images_of(derived: Mapping[str, DerivedContract]) -> dict[str, bytes]:
    """The descriptor sets of contracts, by digest."""
    return {side.image.digest: side.image.data for each in derived.values() for side in each.sides}


def _difference(old: Numbering, new: Numbering) -> str:
    """The first change between two numberings, as text."""
    for before, after in ((old.messages, new.messages), (old.enums, new.enums)):
        for name, numbers in after.items():
            had = before.get(name, Numbers())
            for word in numbers.names:
                if word not in had.names:
                    return f"{name}.{word} has no number there"
            for word in had.names:
                if word not in numbers.names:
                    return f"{name}.{word} is there and was removed"
    return "it is not current"
