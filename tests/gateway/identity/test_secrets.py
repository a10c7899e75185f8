"""The keys of a home: those of the first run, and those of a home of an earlier release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshgate.gateway.config import load_config
from meshgate.gateway.identity.keys import new_key
from meshgate.gateway.identity.secrets import Secrets, load_secrets
from meshgate.registry.home import Home


def loaded(home: Home, **settings: Any) -> Secrets:
    return load_secrets(home, load_config(settings, home=home.path, environ={}))


def roles(secrets: Secrets) -> dict[str, tuple[str, ...]]:
    return {f"{one.kind} {one.name}": one.roles for one in secrets.keys}


@pytest.mark.requirement("join.lasting")
def test_of_the_keys_of_the_first_run_the_join_keys_are_an_operators(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert roles(loaded(home)) == {
        "client first-client": (),
        "join first-join": ("operator",),
        "admin first-admin": (),
        "client dev": (),
        "join dev": ("operator",),
        "admin dev": (),
    }


@pytest.mark.requirement("join.lasting")
def test_the_first_join_key_of_an_earlier_release_keeps_what_it_could_do_and_no_other_gains_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    records = [new_key("join", name)[1] for name in ("first-join", "team")]
    records.append(new_key("client", "first-join")[1])
    (home.ensure() / "keys.json").write_bytes(msgspec.json.encode(records))
    found = roles(loaded(home))
    assert found["join first-join"] == ("operator",)
    assert found["join team"] == found["client first-join"] == ()
