"""The check against the mesh: the gateway says what a registration would say."""

from __future__ import annotations

import base64
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from meshgate.a2a.errors import MeshError
from meshgate.a2a.mesh.tenants import in_tenant
from meshgate.a2a.version_syntax import parse_version
from meshgate.a2a.versions import Version
from meshgate.cli.admin_client import Admin
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema import model as schema_views
from meshgate.cli.schema.api import find_subject, path_of
from meshgate.cli.schema.entries import entries_of, reported, sides_of
from meshgate.cli.schema.report import CheckOptions, EntryReport, Report, report_of
from meshgate.cli.schema.sources import Entry, SideSchema, Source
from meshgate.registry.schemas import Image

__all__ = ["ask_mesh", "body_of", "check_mesh", "mesh_entries"]


def check_mesh(source: Source, options: CheckOptions, admin: Admin) -> Report:
    """Ask the mesh what a registration of a file's contracts would say. Nothing is stored.

    Raises:
        CliError: the mesh does not answer, the schema is not valid, or the file has nothing that the options name.
    """
    return ask_mesh(mesh_entries(source, options, admin), options, admin)


def mesh_entries(source: Source, options: CheckOptions, admin: Admin) -> Sequence[Entry]:
    """The releases that a file would make in the mesh. Raises as ``check_mesh`` does."""
    with _asking():
        image = source.image
        if image is not None:
            return [_image_entry(image, options, admin)]
        named = ((in_tenant(options.tenant, one.subject), one) for one in entries_of(source, options))
        return [msgspec.structs.replace(one, subject=subject) for subject, one in named]


def ask_mesh(entries: Iterable[Entry], options: CheckOptions, admin: Admin) -> Report:
    """Ask the mesh about these releases. Raises as ``check_mesh`` does."""
    with _asking():
        return report_of("registry", [_ask(one, options, admin) for one in entries])


@contextmanager
def _asking() -> Generator[None]:
    try:
        yield
    except MeshError as error:
        raise CliError(error.message, Exit.USAGE) from None
    except CliError as error:
        # Exit code 1 means that a contract is broken, so no other error may have it.
        raise CliError(error.message, Exit.USAGE if error.code == Exit.FAILED else error.code, error.remedy) from None


def body_of(entry: Entry, options: CheckOptions) -> dict[str, Any]:
    """The body of a request about a release."""
    images = {side.image.digest: side.image.data for _, side in sides_of(entry) if side.image.data}
    return {
        "version": options.version or entry.version,
        **{name: {"type": side.type, "hash": side.image.digest} for name, side in sides_of(entry)},
        "migrations": msgspec.to_builtins(entry.migrations),
        "images": [base64.b64encode(data).decode() for data in images.values()],
    }


def _ask(entry: Entry, options: CheckOptions, admin: Admin) -> EntryReport:
    body = body_of(entry, options)
    found: schema_views.CheckResult = admin.post(f"{path_of(entry.subject)}/check", body, schema_views.CheckResult)
    notes = ["the registry is away: judged by what the gateway knew last"] if found.stale else []
    if found.compatible and found.message:
        notes.append(found.message)  # what has to happen before an agent joins with it
    return EntryReport(
        entry.subject,
        str(body["version"]),
        "the mesh",
        found.compatible,
        found.code,
        found.message,
        tuple(reported(one, against=one.against) for one in found.violations),
        notes=tuple(notes),
        suggested_version=found.suggested_version,
    )


def _image_entry(image: Image, options: CheckOptions, admin: Admin) -> Entry:
    """The release that a descriptor set would make. Its other side comes from that release if it exists, else from the
    latest one.
    """
    if not (options.agent and options.skill and options.type and len(options.sides) == 1):
        remedy = "name them: --agent NAME --skill SKILL --type pkg.Message --side input (or output)"
        raise CliError("a descriptor set does not say which skill's contract it is", Exit.USAGE, remedy)
    image.message(options.type)
    name = in_tenant(options.tenant, f"{options.agent}/{options.skill}")
    (side,) = options.sides
    own = SideSchema(options.type, image)
    known = find_subject(admin, name)
    releases = known.releases if known is not None else ()
    version = parse_version(options.version or _next_patch(releases))
    same = [one for one in releases if parse_version(one.version).major == version.major]
    same = [one for one in same if parse_version(one.version) == version] or same
    ref = (same[-1].output if side == "input" else same[-1].input) if same else None
    # The mesh has the image of that release, so it needs no bytes.
    other = SideSchema(ref.type, Image(b"", ref.hash)) if ref is not None else None
    sides = (own, other) if side == "input" else (other, own)
    return Entry(name, str(version), *sides)


def _next_patch(releases: Sequence[schema_views.ReleaseView]) -> str:
    if not releases:
        return "1.0.0"
    latest = parse_version(releases[-1].version)
    return str(Version(latest.major, latest.minor, latest.patch + 1))
