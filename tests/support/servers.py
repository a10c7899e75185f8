"""Real servers for tests: each has free loopback ports and a folder of its own, and is ready when its `with` begins.

A server can be paused, killed and started again on the same ports, for stories of faults.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Self

from tests.support.patience import patience

ROOT = Path(__file__).parents[2]
MANAGEMENT_TOKEN = "7f3c8f5e-1a43-4f0b-9d52-3a2b6f1c0d11"


class NotAvailable(Exception):
    """The server is not available on this machine; the message says what to do."""


class NotReady(Exception):
    """The server did not come up; carries the end of its log."""


_PORTS = range(20_000, 32_000)  # below the ports that Linux and macOS give to connections and to "any port"
_BLOCK = 100


@cache
def _own_ports() -> Iterator[int]:
    """A block of ports, in turn, that no other process of the tests takes: its lock is held until this one ends."""
    folder = Path(tempfile.gettempdir()) / f"meshgate-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for first in _PORTS[::_BLOCK]:
        lock = os.open(folder / str(first), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return cycle(range(first, first + _BLOCK))
    raise NotAvailable("each block of ports for tests is taken: end other runs of the tests")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, all different.

    A server that is told its port binds it later. A port which the system chose could meanwhile go to a connection.
    """
    free = (port for port in islice(_own_ports(), _BLOCK) if _is_free(port))
    found = list(islice(free, count))
    if len(found) < count:
        raise NotAvailable(f"the tests need {count} free ports and found {len(found)}")
    return found


def answers(url: str, wanted: Callable[[bytes], bool] = bool, headers: Mapping[str, str] | None = None) -> bool:
    """Whether a GET of `url` succeeds with a body that is `wanted`."""
    request = urllib.request.Request(url, headers=dict(headers or {}))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=patience(5.0)) as response:
            return wanted(response.read())
    except (OSError, urllib.error.URLError):
        return False


@dataclass
class Server:
    """A child process that can be stopped in several ways and started again."""

    command: Sequence[str]
    folder: Path
    ready: Callable[[], bool]
    start_within: float = patience()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        """Its output, over all its starts."""
        return self.folder / "log"

    def start(self) -> Self:
        """Starts it and returns once it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + self.start_within
        while not self.ready():
            if self._ended_within(0.02) or time.monotonic() > deadline:
                self.kill()
                raise NotReady(f"{self.command[0]} is not ready:\n{self.log.read_text(errors='replace')[-4000:]}")
        return self

    def stop(self) -> None:
        """Asks it to end, and kills it after ten seconds."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if not self._ended_within(patience(10.0)):
            self.kill()

    def kill(self) -> None:
        """Ends it at once."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def pause(self) -> None:
        """Leaves its sockets open and lets it do nothing until `resume`; it has stopped when this returns."""
        self.signal(signal.SIGSTOP)
        # A signal is sent before its threads have stopped: one of them may still answer.
        if self.process is not None and self.process.returncode is None:
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Undoes `pause`."""
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def _ended_within(self, seconds: float) -> bool:
        if self.process is None:
            return True
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


# --- Consul ---


@dataclass
class Consul(Server):
    """A Consul server of one node."""

    port: int = 0
    https_port: int = 0
    grpc_port: int = 0
    token: str | None = None
    ca_file: Path | None = None
    version: tuple[int, ...] = ()

    @property
    def address(self) -> str:
        """The URL of its HTTP API."""
        return f"http://127.0.0.1:{self.port}"


def consul_binary() -> str:
    """The path of a Consul, fetched if need be; NotAvailable says what to do if there is none."""
    done = subprocess.run([ROOT / "tools" / "consul.sh"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotAvailable(done.stderr.strip() or "tools/consul.sh failed")
    return done.stdout.strip()


def consul_version(binary: str) -> tuple[int, ...]:
    """The version of a Consul, as numbers."""
    text = subprocess.run([binary, "version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"v(\d+)\.(\d+)\.(\d+)", text)
    if found is None:
        raise NotAvailable(f"{binary} version says {text!r}")
    return tuple(int(part) for part in found.groups())


@contextmanager
def consul(*, acl: bool = False, tls: bool = False, persistent: bool = False) -> Generator[Consul]:
    """A running Consul: in memory, or `persistent` over its restarts (then it takes seconds to elect itself).

    `acl` denies by default, with the management token in `token`; `tls` adds HTTPS, with its authority in `ca_file`.
    """
    binary = consul_binary()
    version = consul_version(binary)
    http, https, grpc, serf, server = free_ports(5)
    token = MANAGEMENT_TOKEN if acl else None
    with tempfile.TemporaryDirectory(prefix="consul-") as name:
        folder = Path(name)
        ports = {"http": http, "https": https if tls else -1, "grpc": grpc, "serf_lan": serf, "server": server}
        config = _consul_config(version, folder, ports)
        config |= _consul_acl(version) if acl else {}
        config |= _consul_tls(binary, version, folder) if tls else {}
        (folder / "consul.json").write_text(json.dumps(config))
        mode = ["-server", "-bootstrap-expect=1"] if persistent else ["-dev"]
        running = Consul(
            command=[binary, "agent", *mode, f"-config-file={folder / 'consul.json'}"],
            folder=folder,
            ready=lambda: _consul_is_ready(http, token),
            port=http,
            https_port=https if tls else 0,
            grpc_port=grpc,
            token=token,
            ca_file=folder / "consul-agent-ca.pem" if tls else None,
            version=version,
        )
        try:
            yield running.start()
        finally:
            running.stop()


def _consul_config(version: tuple[int, ...], folder: Path, ports: Mapping[str, int]) -> dict[str, object]:
    # From 1.14 on gRPC over TLS has a port of its own, which must not stay where it is when the others move.
    moved = {"dns": -1, "serf_wan": -1} | ({"grpc_tls": -1} if version >= (1, 14) else {})
    return {
        "bind_addr": "127.0.0.1",
        "client_addr": "127.0.0.1",
        "data_dir": str(folder / "data"),
        "disable_update_check": True,
        "enable_debug": False,
        "leave_on_terminate": False,
        "log_level": "warn",
        "node_name": "test",
        "performance": {"raft_multiplier": 1},
        "ports": dict(ports) | moved,
    }


def _consul_acl(version: tuple[int, ...]) -> dict[str, object]:
    token = "initial_management" if version >= (1, 11) else "master"
    return {"acl": {"enabled": True, "default_policy": "deny", "tokens": {token: MANAGEMENT_TOKEN}}}


def _consul_tls(binary: str, version: tuple[int, ...], folder: Path) -> dict[str, object]:
    for command in (["ca", "create"], ["cert", "create", "-server", "-dc=dc1", "-additional-ipaddress=127.0.0.1"]):
        subprocess.run([binary, "tls", *command], cwd=folder, check=True, capture_output=True)
    files: dict[str, object] = {
        "ca_file": str(folder / "consul-agent-ca.pem"),
        "cert_file": str(folder / "dc1-server-consul-0.pem"),
        "key_file": str(folder / "dc1-server-consul-0-key.pem"),
    }
    return {"tls": {"https": files}} if version >= (1, 12) else files


def _consul_is_ready(port: int, token: str | None) -> bool:
    headers = {"X-Consul-Token": token} if token else {}
    nodes = f"http://127.0.0.1:{port}/v1/catalog/nodes"  # answers with this node only once there is a leader
    return answers(nodes, lambda body: bool(json.loads(body)), headers)


# --- Jaeger ---


@dataclass
class Jaeger(Server):
    """A Jaeger that keeps traces in memory."""

    otlp_grpc_port: int = 0
    otlp_http_port: int = 0
    query_port: int = 0

    @property
    def otlp_endpoint(self) -> str:
        """The address that takes spans over gRPC."""
        return f"http://127.0.0.1:{self.otlp_grpc_port}"

    @property
    def query(self) -> str:
        """Base URL of its query API."""
        return f"http://127.0.0.1:{self.query_port}"


def jaeger_binary() -> str:
    """The path of a Jaeger; NotAvailable says what to do if there is none."""
    binary = os.environ.get("JAEGER_BIN") or shutil.which("jaeger")
    if binary is None:
        raise NotAvailable("no Jaeger: run `make test-servers`, which builds one, or name it with JAEGER_BIN")
    return binary


@contextmanager
def jaeger() -> Generator[Jaeger]:
    """A running Jaeger."""
    binary = jaeger_binary()
    otlp_grpc, otlp_http, query, query_grpc = free_ports(4)
    with tempfile.TemporaryDirectory(prefix="jaeger-") as name:
        folder = Path(name)
        config = _jaeger_config(otlp_grpc, otlp_http, query, query_grpc)
        (folder / "jaeger.yaml").write_text(json.dumps(config))  # JSON is YAML
        running = Jaeger(
            command=[binary, "--config", str(folder / "jaeger.yaml")],
            folder=folder,
            ready=lambda: answers(f"http://127.0.0.1:{query}/api/services"),
            otlp_grpc_port=otlp_grpc,
            otlp_http_port=otlp_http,
            query_port=query,
        )
        try:
            yield running.start()
        finally:
            running.stop()


def _jaeger_config(otlp_grpc: int, otlp_http: int, query: int, query_grpc: int) -> dict[str, object]:
    # Every address is set, because Jaeger's defaults listen on all interfaces.
    return {
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}},
        },
        "extensions": {
            "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": 10_000}}}},
            "jaeger_query": {
                "storage": {"traces": "memory"},
                "enable_tracing": False,  # of itself, to the default port
                "http": {"endpoint": f"127.0.0.1:{query}"},
                "grpc": {"endpoint": f"127.0.0.1:{query_grpc}"},
            },
        },
        "receivers": {
            "otlp": {
                "protocols": {
                    "grpc": {"endpoint": f"127.0.0.1:{otlp_grpc}"},
                    "http": {"endpoint": f"127.0.0.1:{otlp_http}"},
                }
            }
        },
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
    }
