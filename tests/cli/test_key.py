"""``meshgate key``: what it sends, and what people read, letter by letter."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pytest
from rich.console import Console, RenderableType

from meshgate.cli.admin_client import Admin
from meshgate.cli.app import main
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.key import app
from meshgate.cli.key.times import end_of, length_of
from meshgate.cli.key.views import Key, MadeKey, key_view, keys_table, made_text

pytestmark = pytest.mark.requirement("cli.key")

ANN = Key("5f1c0a9b3e", "client", "ann", agents=("public-*",), created=1764460800.0, expires=1772236800.0)
TEAM = Key("0a1b2c3d4e", "join", "team", "acme", roles=("operator",))
OPS = Key("77aa77aa77", "admin", "ops", state="development")
MADE = {"key": "mg_client_5f1c0a9b3e_SECRET", "record": {"id": "5f1c0a9b3e", "kind": "client", "name": "ann"}}


def shown(view: RenderableType) -> str:
    file = io.StringIO()
    Console(file=file, width=100, highlight=False).print(view)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


class Api:
    """The admin API, which notes what it is sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
        self.seen: list[tuple[str, str, Any]] = []
        self.answer = answer
        environ = {"MESHGATE_ADMIN_URL": "http://127.0.0.1:3", "MESHGATE_ADMIN_KEY": "k"}
        monkeypatch.setattr(app, "Admin", lambda: Admin(environ, httpx.MockTransport(self._take)))

    def _take(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        self.seen.append((request.method, request.url.raw_path.decode().removeprefix("/api/v1/"), body))
        return httpx.Response(200, json=self.answer)


def test_a_key_is_made_as_it_is_asked_for_and_goes_alone_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api = Api(monkeypatch, MADE)
    monkeypatch.setattr("time.time", lambda: 1000.0)
    line = "client ann --agent a* --agent b --skill s --role admin --tenant acme --expires 90d --service"
    assert main(["key", "create", *line.split()]) == Exit.DONE
    sent: dict[str, Any] = {"kind": "client", "name": "ann", "tenant": "acme", "agents": ["a*", "b"], "skills": ["s"]}
    sent |= {"roles": ["admin"], "expires": 1000.0 + 90 * 86400.0, "principal": "service"}
    assert api.seen == [("POST", "keys", sent)]
    printed = capsys.readouterr()
    assert printed.out == "mg_client_5f1c0a9b3e_SECRET\n"
    assert printed.err == (
        "client key 5f1c0a9b3e of ann: ends never\n"
        "It is shown this once; the mesh keeps only its hash. Programs read it from MESHGATE_KEY.\n"
    )


def test_what_is_left_out_is_the_gateways_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(monkeypatch, MADE)
    assert main(["key", "create", "join", "team"]) == Exit.DONE
    assert api.seen == [("POST", "keys", {"kind": "join", "name": "team", "tenant": "default", "expires": 0.0})]


@pytest.mark.parametrize(
    ("named", "sent"), [("ann", "ann"), ("a/b ä", "a%2Fb%20%C3%A4"), ("mg_client_5f1c0a9b3e_SE_CRET", "5f1c0a9b3e")]
)
def test_a_key_is_named_by_id_or_name_and_its_secret_is_never_sent(
    monkeypatch: pytest.MonkeyPatch, named: str, sent: str
) -> None:
    api = Api(monkeypatch, MADE["record"])
    assert main(["key", "revoke", named]) == Exit.DONE
    assert main(["key", "show", named]) == Exit.DONE
    api.answer = MADE
    assert main(["key", "rotate", named, "--keep", "7d"]) == Exit.DONE
    assert api.seen == [
        ("POST", f"keys/{sent}/revoke", {}),
        ("GET", f"keys/{sent}", None),
        ("POST", f"keys/{sent}/rotate", {"keep": 7 * 86400.0}),
    ]


def test_a_program_reads_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    Api(monkeypatch, [MADE["record"]])
    assert main(["key", "list", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out) == [MADE["record"]]
    Api(monkeypatch, MADE)
    assert main(["key", "rotate", "ann", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out)["key"] == MADE["key"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["create", "clint", "ann"], "error: there is no 'clint' key (KIND is client, join, admin)"),
        (
            ["create", "client", "ann", "--expires", "soon"],
            "--expires 'soon' is no length of time (write 30m, 12h, 90d or 6w)",
        ),
        (["rotate", "ann", "--keep", "1"], "--keep '1' is no length of time"),
        (["rotate"], "Missing argument 'KEY'"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    api = Api(monkeypatch, MADE)
    assert main(["key", *arguments]) == Exit.USAGE
    assert (told in capsys.readouterr().err, api.seen) == (True, [])


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("45s", 45), ("30m", 1800), ("12h", 43200), ("6w", 3628800)])
def test_a_length_of_time_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert length_of(text, "--keep") == seconds


@pytest.mark.parametrize("text", ["", "1", "d", "-1d", "1.5h", "1y", "٣d", "1d ", "1234567d"])
def test_what_is_no_length_of_time_is_told(text: str) -> None:
    with pytest.raises(CliError, match="is no length of time"):
        length_of(text, "--keep")


def test_an_end_is_a_length_from_now_or_the_beginning_of_a_day() -> None:
    assert end_of("", 1000.0) == 0.0
    assert end_of("1h", 1000.0) == 4600.0
    assert end_of("2027-03-31", 1000.0) == 1806451200.0
    for text, told in (
        ("2027-02-30", "is no date"),
        ("1970-01-01", "has passed"),
        ("0s", "has passed"),
        ("x-y", "is no date"),
    ):
        with pytest.raises(CliError, match=told):
            end_of(text, 1000.0)


def test_the_list_leaves_out_the_columns_that_say_nothing() -> None:
    assert shown(keys_table([ANN, OPS])) == (
        "id           kind     name   may use         ends (UTC)\n"
        "─────────────────────────────────────────────────────────────\n"
        "5f1c0a9b3e   client   ann    public-*        2026-02-28 00:00\n"
        "77aa77aa77   admin    ops    the admin API   with mesh.key"
    )
    ended = Key("1111111111", "client", "bob", skills=("cut", "fold"), expires=60.0, state="expired")
    assert shown(keys_table([TEAM, ended])) == (
        "id           kind     name   tenant    may use                 roles      ends (UTC)\n"
        "───────────────────────────────────────────────────────────────────────────────────────────────────\n"
        "0a1b2c3d4e   join     team   acme      registers all agents    operator   never\n"
        "1111111111   client   bob    default   all agents: cut, fold              1970-01-01 00:01, expired"
    )


def test_one_key_is_a_line_a_field() -> None:
    assert shown(key_view(ANN)) == (
        "id         5f1c0a9b3e\n"
        "kind       client\n"
        "name       ann\n"
        "tenant     default\n"
        "agents     public-*\n"
        "skills     *\n"
        "principal  user\n"
        "made       2025-11-30 00:00 UTC\n"
        "ends       2026-02-28 00:00 UTC\n"
        "state      valid"
    )


def test_a_rotated_key_says_when_the_old_one_ends() -> None:
    text = made_text(MadeKey("mg_x", Key("a", "client", "ann"), ANN)).plain
    assert text.endswith("\nthe old key 5f1c0a9b3e ends 2026-02-28 00:00 UTC")
    assert "mg_x" not in text
