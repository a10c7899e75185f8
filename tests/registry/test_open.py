"""From a URL to a registry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import meshgate.registry
from meshgate.a2a.errors import InvalidParams
from meshgate.registry.backends.consul.address import ConsulAddress
from meshgate.registry.backends.consul.registry import ConsulRegistry
from meshgate.registry.backends.file import FileRegistry
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.open import open_registry

ROOT = Path(__file__).parents[2]


def test_each_url_opens_its_backend() -> None:
    file = open_registry("file:///var/lib/my%20mesh/registry.db")

    assert isinstance(open_registry("memory:"), MemoryRegistry)
    assert isinstance(file, FileRegistry)
    assert file.path == Path("/var/lib/my mesh/registry.db")


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "prefix"),
    [
        ("consul://127.0.0.1:8500", "127.0.0.1", 8500, False, "meshgate"),
        ("consul://consul.internal", "consul.internal", 8500, False, "meshgate"),
        ("consul://[::1]:8600?prefix=blue", "::1", 8600, False, "blue"),
        ("consul+https://consul.internal", "consul.internal", 8501, True, "meshgate"),
    ],
)
def test_a_consul_url_says_where(url: str, host: str, port: int, tls: bool, prefix: str) -> None:
    opened = open_registry(url, consul=ConsulAddress(token="secret"))

    assert isinstance(opened, ConsulRegistry)
    assert opened.address == ConsulAddress(host=host, port=port, tls=tls, prefix=prefix, token="secret")
    assert "secret" not in repr(opened.address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "consul",
        "redis://127.0.0.1",
        "consl://127.0.0.1",
        "file:registry.db",
        "file://elsewhere/registry.db",
        "file:///folder/",
        "file:///registry.db?mode=ro",
        "consul://",
        "consul://127.0.0.1:eighty",
        "consul://127.0.0.1:0",
        "consul://token@127.0.0.1",
        "consul://127.0.0.1/v1",
        "consul://127.0.0.1?prefix=a/b",
        "consul://127.0.0.1?prefix=a&prefix=b",
        "consul://127.0.0.1?token=secret",
        "memory:#x",
    ],
)
def test_a_url_that_names_no_registry_is_refused(url: str) -> None:
    with pytest.raises(InvalidParams):
        open_registry(url)


def test_an_unknown_kind_is_answered_with_the_nearest_known_one() -> None:
    with pytest.raises(InvalidParams, match="consul:"):
        open_registry("consl://127.0.0.1:8500")


@pytest.mark.parametrize(
    "address",
    [
        ConsulAddress(tls=True, cert_file="cert.pem"),
        ConsulAddress(ca_file="ca.pem"),
        ConsulAddress(port=70000),
        ConsulAddress(prefix=""),
        ConsulAddress(prefix="x" * 33),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(address: ConsulAddress) -> None:
    with pytest.raises(InvalidParams):
        ConsulRegistry(address)


def test_without_the_extra_the_error_is_the_line_that_installs_it() -> None:
    program = (
        "import sys; sys.modules['consul'] = None\n"
        "from meshgate.registry import open_registry\n"
        "try: open_registry('consul://127.0.0.1')\n"
        "except ImportError as error: print(error)\n"
    )
    paths = [str(ROOT / part) for part in ("protos", "registry", "sdk")]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "pip install 'meshgate[consul]'" in done.stdout


def test_importing_the_registry_loads_no_backend_library() -> None:
    paths = [str(ROOT / part) for part in ("protos", "registry", "sdk")]
    program = (
        f"import sys; sys.path[:0] = {paths!r}\n"
        "import meshgate.registry\n"
        "print(sorted({'aiohttp', 'consul', 'sqlite3', 'grpc'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_every_exported_name_is_there() -> None:
    assert all(hasattr(meshgate.registry, name) for name in meshgate.registry.__all__)
    assert sorted(meshgate.registry.__all__, key=str.lower) == sorted(set(meshgate.registry.__all__), key=str.lower)
