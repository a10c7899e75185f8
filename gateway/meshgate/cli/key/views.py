"""The views of keys: the list, one key, and a key that was just made."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.console import RenderableType
from rich.text import Text

from meshgate.cli.console import plain
from meshgate.cli.key.times import day_text
from meshgate.cli.views.tables import grid

__all__ = ["Key", "MadeKey", "key_view", "keys_table", "made_text"]

_SHOWN_AS = {"client": "MESHGATE_KEY", "join": "MESHGATE_JOIN_KEY", "admin": "MESHGATE_ADMIN_KEY"}


class Key(msgspec.Struct, frozen=True):
    """A key, as the admin API shows it."""

    id: str
    kind: str
    name: str
    tenant: str = "default"
    agents: tuple[str, ...] = ("*",)
    skills: tuple[str, ...] = ("*",)
    roles: tuple[str, ...] = ()
    principal: str = "user"
    created: float = 0.0
    expires: float = 0.0
    state: str = "valid"

    @property
    def ends(self) -> str:
        """When it ends, in words."""
        if self.state == "development":
            return "with mesh.key"
        return day_text(self.expires) if self.expires else "never"


class MadeKey(msgspec.Struct, frozen=True):
    """A key that was just made."""

    key: str
    record: Key
    replaces: Key | None = None


def keys_table(keys: Sequence[Key]) -> RenderableType:
    """The list of keys. A column that says the same of all of them is left out."""
    tenants = any(key.tenant != "default" for key in keys)
    roles = any(key.roles for key in keys)
    columns = ["#id", "kind", "name"] + ["tenant"] * tenants + ["may use"] + ["roles"] * roles + ["#ends (UTC)"]
    table = grid(*columns)
    for key in keys:
        style = "dim" if key.state == "development" else "red" if key.state == "expired" else ""
        cells = [key.id, key.kind, key.name] + [key.tenant] * tenants + [_scope(key)]
        cells += [", ".join(key.roles)] * roles + [f"{key.ends}, expired" if key.state == "expired" else key.ends]
        table.add_row(*(Text(plain(cell), style) for cell in cells))
    return table


def key_view(key: Key) -> RenderableType:
    """One key, a line a field."""
    rows = {
        "id": key.id,
        "kind": key.kind,
        "name": key.name,
        "tenant": key.tenant,
        "agents": ", ".join(key.agents),
        "skills": ", ".join(key.skills) if key.kind == "client" else "",
        "roles": ", ".join(key.roles),
        "principal": key.principal if key.kind == "client" else "",
        "made": f"{day_text(key.created)} UTC" if key.created else "",
        "ends": f"{key.ends} UTC" if key.expires else key.ends,
        "state": key.state,
    }
    width = max(map(len, rows))
    lines = [Text.assemble((f"{name:<{width}}  ", "bold"), plain(value)) for name, value in rows.items() if value]
    return Text("\n").join(lines)


def made_text(made: MadeKey) -> Text:
    """The note about a key that was just made, without the key."""
    key = made.record
    text = Text(f"{key.kind} key {key.id} of {plain(key.name)}", "bold green")
    text.append(f": ends {key.ends}" + (" UTC" if key.expires else ""), "not bold default")
    text.append("\nIt is shown this once; the mesh keeps only its hash.", "not bold dim")
    if key.kind in _SHOWN_AS:
        text.append(f" Programs read it from {_SHOWN_AS[key.kind]}.", "not bold dim")
    if made.replaces is not None:
        ends = f"the old key {made.replaces.id} ends {made.replaces.ends} UTC"
        text.append(f"\n{ends}", "not bold default")
    return text


def _scope(key: Key) -> str:
    agents = "all agents" if key.agents == ("*",) else ", ".join(key.agents)
    if key.kind == "admin":
        return "the admin API"
    if key.kind == "join":
        return f"registers {agents}"
    return agents if key.skills == ("*",) else f"{agents}: {', '.join(key.skills)}"
