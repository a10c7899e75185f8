"""Where the admin port is, and what is made of its answers."""

import os
from pathlib import Path

import httpx
import pytest

from meshgate.cli.admin_client import Admin
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.launch.process import alive, is_ours
from meshgate.cli.views.model import Agent
from meshgate.registry.home import Home, Run

RUN = Run(os.getpid(), "http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", admin_key="local")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    Home(tmp_path / "home").write(RUN)
    return {"MESHGATE_HOME": str(tmp_path / "home")}


def answering(status: int, body: str, seen: list[httpx.Request] | None = None) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(status, text=body)

    return httpx.MockTransport(answer)


def test_the_mesh_of_this_home_is_asked_under_its_own_key(environ: dict[str, str]) -> None:
    seen: list[httpx.Request] = []
    with Admin(environ, answering(200, "[]", seen)) as admin:
        assert admin.get("agents", tuple[Agent, ...]) == ()
    assert str(seen[0].url) == "http://127.0.0.1:3/api/v1/agents"
    assert seen[0].headers["authorization"] == "Bearer local"


def test_the_environment_names_another_mesh(environ: dict[str, str]) -> None:
    seen: list[httpx.Request] = []
    environ |= {"MESHGATE_ADMIN_URL": "https://mesh.example/", "MESHGATE_ADMIN_KEY": "remote"}
    with Admin(environ, answering(200, "[]", seen)) as admin:
        admin.get("agents", tuple[Agent, ...])
    assert str(seen[0].url) == "https://mesh.example/api/v1/agents"
    assert seen[0].headers["authorization"] == "Bearer remote"


def test_the_local_key_is_never_sent_elsewhere(environ: dict[str, str]) -> None:
    with pytest.raises(CliError) as refused:
        Admin(environ | {"MESHGATE_ADMIN_URL": "https://mesh.example"})
    assert refused.value.code == Exit.DENIED


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, '{"code":"UNAUTHENTICATED","message":"no"}', Exit.DENIED),
        (400, '{"code":"INVALID_PARAMS","message":"no"}', Exit.USAGE),
        (404, '{"detail":"no gateway knows it"}', Exit.FAILED),
        (500, "oops", Exit.FAILED),
        (200, "<html>", Exit.FAILED),
        (200, '{"a": 1}', Exit.FAILED),
    ],
)
def test_a_refusal_is_an_exit_code(environ: dict[str, str], status: int, body: str, code: Exit) -> None:
    with Admin(environ, answering(status, body)) as admin, pytest.raises(CliError) as refused:
        admin.get("agents", tuple[Agent, ...])
    assert refused.value.code == code


def test_a_newer_gateway_may_say_more(environ: dict[str, str]) -> None:
    body = '[{"agent":"a","mood":"good","instances":[{"id":"a-1","mood":3}]}]'
    with Admin(environ, answering(200, body)) as admin:
        found: tuple[Agent, ...] = admin.get("agents", tuple[Agent, ...])
    assert found[0].instances[0].state == "ready"


def test_an_admin_port_that_does_not_answer_is_unreachable(environ: dict[str, str]) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with Admin(environ, httpx.MockTransport(broken)) as admin, pytest.raises(CliError) as refused:
        admin.raw("agents")
    assert refused.value.code == Exit.UNREACHABLE


def test_a_process_that_has_ended_is_not_alive_even_while_nobody_waited_for_it() -> None:
    pid = os.posix_spawn("/bin/true", ["/bin/true"], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert not alive(pid)
    os.waitpid(pid, 0)
    assert not alive(pid)
    assert alive(os.getpid())


def test_a_process_that_was_given_the_pid_later_is_not_ours() -> None:
    pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    try:
        other = Run(pid, "http://127.0.0.1:1", "http://127.0.0.1:1", "http://127.0.0.1:1", admin_key="k")
        assert alive(pid)
        assert not is_ours(other)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
