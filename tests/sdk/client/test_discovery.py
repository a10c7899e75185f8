"""Where the mesh is found, and whose key goes where."""

from pathlib import Path

import pytest

from meshgate.registry.home import Home, Run
from meshgate.sdk import Mesh, NotConfigured
from meshgate.sdk.client.access import Access
from meshgate.sdk.client.discovery import find_gateway, find_join

RUN = Run(
    1,
    "http://127.0.0.1:8080",
    "http://127.0.0.1:8082",
    "http://127.0.0.1:8090",
    client_key="local-c",
    join_key="local-j",
)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"MESHGATE_HOME": str(tmp_path / "home")}


@pytest.fixture
def running(environ: dict[str, str]) -> dict[str, str]:
    Home.find(environ).write(RUN)
    return environ


@pytest.mark.requirement("sdk.finds")
def test_on_one_machine_nothing_needs_to_be_said(running: dict[str, str]) -> None:
    assert find_gateway(environ=running) == Access(("http://127.0.0.1:8080",), "local-c")
    assert find_join(environ=running) == Access(("http://127.0.0.1:8082",), "local-j")


def test_the_environment_comes_before_the_local_mesh(running: dict[str, str]) -> None:
    environ = running | {"MESHGATE_URL": "https://a/, https://b", "MESHGATE_KEY": "k", "MESHGATE_JOIN_KEY": "j"}
    assert find_gateway(environ=environ) == Access(("https://a", "https://b"), "k")
    assert find_join(environ=environ) == Access(("http://127.0.0.1:8082",), "j")


def test_an_argument_comes_before_the_environment(running: dict[str, str]) -> None:
    environ = running | {"MESHGATE_URL": "https://a", "MESHGATE_KEY": "k"}
    assert find_gateway("https://c", "x", environ) == Access(("https://c",), "x")
    assert find_gateway(["https://c", "https://d"], environ=environ) == Access(("https://c", "https://d"), "k")


@pytest.mark.requirement("sdk.finds")
def test_the_local_key_never_goes_to_an_address_from_elsewhere(running: dict[str, str]) -> None:
    with pytest.raises(NotConfigured, match="no key"):
        find_gateway("https://elsewhere", environ=running)
    with pytest.raises(NotConfigured, match="MESHGATE_JOIN_KEY"):
        find_join(environ=running | {"MESHGATE_JOIN_URL": "https://elsewhere"})
    assert find_gateway("http://127.0.0.1:8080/", environ=running).key == "local-c"


def test_without_a_mesh_the_remedy_is_said(environ: dict[str, str]) -> None:
    with pytest.raises(NotConfigured, match="meshgate up"):
        find_gateway(environ=environ)
    with pytest.raises(NotConfigured, match="MESHGATE_JOIN_URL"):
        find_join(environ=environ)


def test_a_home_that_others_can_read_is_said_to_be_the_reason(running: dict[str, str]) -> None:
    Home.find(running).run_file.chmod(0o644)
    with pytest.raises(NotConfigured, match="chmod 600"):
        find_gateway(environ=running)


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://h", "http://", "http://h/?a=b"])
def test_what_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(NotConfigured):
        find_gateway(url, "k")


async def test_a_client_that_finds_nothing_says_so_at_its_first_call(environ: dict[str, str]) -> None:
    async with Mesh(environ=environ) as mesh:
        with pytest.raises(NotConfigured):
            await mesh.call("summariser", text="x")
