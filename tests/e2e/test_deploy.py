"""The files of ``deploy``, run as far as that goes without a container engine and without a running systemd.

The commands that build the image run in a folder of their own, and so do the image's command, its health check and
the units' commands: with their own variables, on free ports, with folders of the test in place of the machine's.
"""

import json
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import unavailable
from tests.deploy.files import DEPLOY, ROOT, compose, read_image, read_unit
from tests.e2e.conftest import await_instances
from tests.e2e.environments import APPS, Environment, Mesh
from tests.e2e.outside import soon
from tests.support import servers
from tests.support.patience import patience

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.requirement("deploy.files")]
IMAGE = read_image((DEPLOY / "Dockerfile").read_text())
CONFINED = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS: NoNewPrivileges=yes
libc.prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE, where the kernel has it: MemoryDenyWriteExecute=yes
os.umask(0o077)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Runs a command under what of a unit's confinement needs no systemd."""


@pytest.fixture(scope="module")
def image(folder: Path) -> Path:
    """What the first stage of the Dockerfile makes: its commands, run in copies of what it copies."""
    place = folder / "image"
    source, made = place / "src", place / "opt" / "meshgate"
    for word, rest in IMAGE.steps[0]:
        if word == "COPY":
            *names, target = rest.split()
            for name in names:
                goal = source / target / Path(name).name if target.endswith("/") else source / target
                goal.parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, goal, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / name, goal)
    # A virtual environment stands for the Python of the base image.
    subprocess.run([sys.executable, "-m", "venv", place / "python"], check=True)
    environ = {**os.environ, "PATH": f"{place / 'python' / 'bin'}:{os.environ['PATH']}", "UV_SYSTEM_CERTS": "1"}
    environ = {name: value for name, value in environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    made.parent.mkdir()
    for command in IMAGE.runs:
        shell = ["sh", "-euc", command.replace("/opt/meshgate", str(made))]
        done = subprocess.run(shell, cwd=source, env=environ, capture_output=True, text=True, check=False)
        if "dns error" in done.stderr or "No matching distribution found for uv" in done.stderr:
            unavailable("the package index can't be reached: run this with a network, or without by -m 'not e2e'")
        assert done.returncode == 0, done.stderr[-3000:]
    return made


@pytest.fixture(scope="module")
def consul() -> Iterator[servers.Consul]:
    """A Consul, as the Compose file has one."""
    try:
        with servers.consul() as running:
            yield running
    except servers.NotAvailable as reason:
        unavailable(reason)


@dataclass
class Service:
    """A command that runs as its file says."""

    process: "subprocess.Popen[str]"
    log: Path
    environ: dict[str, str]

    @property
    def said(self) -> str:
        """Its output."""
        return self.log.read_text()


@contextmanager
def running(command: list[str], environ: dict[str, str], cwd: Path, log: Path) -> Generator[Service]:
    """A command until the block ends; then SIGTERM ends it, well."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=file, stderr=file, text=True
        )
    service = Service(process, log, environ)
    try:
        yield service
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=patience(45.0)) == 0, service.said
    finally:
        process.kill()
        process.wait()


def in_service(service: Service, command: list[str]) -> "subprocess.CompletedProcess[str]":
    """What a command does beside a service, as `docker exec` runs one."""
    program = shutil.which(command[0], path=service.environ["PATH"])
    assert program is not None, command[0]
    return subprocess.run(
        [program, *command[1:]], env=service.environ, capture_output=True, text=True, check=False, timeout=patience()
    )


def keys_of(home: Path) -> dict[str, str]:
    """The keys of a first start, from the file that holds them."""
    path = home / "new-keys.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    found: dict[str, str] = json.loads(path.read_text())
    return found


def call_an_agent(mesh: Mesh, keys: dict[str, str], agent: "subprocess.Popen[Any]", service: Service) -> None:
    """Wait for the agent, and call it through the mesh."""
    await_instances(Mesh({**mesh.run, "admin_key": keys["admin"]}), 1, agent)
    service.environ |= {"MESHGATE_URL": mesh.run["gateway"], "MESHGATE_KEY": keys["client"]}
    done = in_service(service, ["meshgate", "call", "sha256@2", "hello"])
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["digest"]) == 64


@contextmanager
def container(image: Path, home: Path, settings: dict[str, str], log: Path) -> Generator[Service]:
    """The image's command with its variables and these; yields once the health check passes."""
    # A volume begins with the folder that the image made for it.
    home.mkdir(mode=0o700)
    environ = {name: value.replace("/opt/meshgate", str(image)) for name, value in IMAGE.environ.items()}
    environ["PATH"] = environ["PATH"].replace("$PATH", os.defpath)
    environ |= {"MESHGATE_HOME": str(home), "HOME": str(home), "PYTHONWARNINGS": "error", **settings}
    first, *rest = [*IMAGE.words("ENTRYPOINT"), *IMAGE.words("CMD")]
    program = shutil.which(first, path=environ["PATH"])
    assert program is not None
    with running([program, *rest], environ, home, log) as service:
        soon(lambda: in_service(service, IMAGE.words("HEALTHCHECK")).returncode == 0)
        yield service


def test_the_image_starts_a_mesh_as_compose_runs_it(
    image: Path, base: Environment, consul: servers.Consul, tmp_path: Path
) -> None:
    http, grpc, join, admin, nobody = (str(port) for port in servers.free_ports(5))
    there = {"consul:8500": f"127.0.0.1:{consul.port}", "jaeger:4317": f"127.0.0.1:{nobody}"}
    there |= {"172.30.0.0/24": "127.0.0.0/8"}
    settings = {"MESHGATE_PORT": http, "MESHGATE_GRPC_PORT": grpc, "MESHGATE_JOIN_PORT": join}
    settings |= {"MESHGATE_ADMIN_PORT": admin}
    for name, value in compose()["services"]["gateway"]["environment"].items():
        given = value.partition(":-")[2].rstrip("}") if value.startswith("${") else value
        settings[name] = reduce(lambda text, pair: text.replace(*pair), there.items(), given)
    settings["MESHGATE_BASE_URL"] = settings["MESHGATE_BASE_URL"].replace("gateway:8080", f"127.0.0.1:{http}")
    home = tmp_path / "home"
    with container(image, home, settings, tmp_path / "log") as service:
        ready = compose()["services"]["gateway"]["healthcheck"]["test"][1:]
        soon(lambda: in_service(service, [word.replace("8080", http) for word in ready]).returncode == 0)
        keys = keys_of(home)
        assert [key for key in keys.values() if key in service.said] == []
        mesh = Mesh.find(home)
        assert mesh is not None
        assert not mesh.run.get("client_key"), "development keys are for loopback"
        access = {"MESHGATE_JOIN_URL": f"http://127.0.0.1:{join}", "MESHGATE_JOIN_KEY": keys["join"]}
        agent = base.start("python", APPS / "digest_agent.py", **access)
        try:
            call_an_agent(mesh, keys, agent, service)
            assert scraped(f"127.0.0.1:{admin}", keys["admin"], tmp_path)["meshgate_calls"] >= 1
        finally:
            agent.terminate()
            agent.communicate(timeout=patience())


def scraped(address: str, key: str, folder: Path) -> dict[str, float]:
    """What Prometheus reads as ``prometheus.yml`` says, by the name of the metric, over all labels."""
    (job,) = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    secrets = compose()["secrets"]
    (folder / "secrets").mkdir()
    (folder / secrets["meshgate_admin_key"]["file"]).write_text(f"{key}\n")
    name = Path(job["authorization"]["credentials_file"]).name
    kept = (folder / secrets[name]["file"]).read_text().strip()  # Prometheus trims it too
    (target,) = job["static_configs"][0]["targets"]
    url = f"http://{target}{job['metrics_path']}".replace("gateway:8090", address)
    request = urllib.request.Request(url, headers={"authorization": f"{job['authorization']['type']} {kept}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=patience()) as response:
        families = text_string_to_metric_families(response.read().decode())
        return {family.name: sum(one.value for one in family.samples) for family in families}


def test_the_health_check_fails_where_nothing_answers(image: Path, tmp_path: Path) -> None:
    environ = {"PATH": f"{image / 'bin'}", "MESHGATE_PORT": str(servers.free_ports(1)[0])}
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    service = Service(process, tmp_path / "log", environ)  # type: ignore[arg-type]
    assert in_service(service, IMAGE.words("HEALTHCHECK")).returncode == 1


# -- systemd


class Machine:
    """Folders that stand for those of a machine, and the units that start in them."""

    def __init__(self, folder: Path, program: Path) -> None:
        self.folder, self.program = folder, program
        self.state, self.settings, self.agents = folder / "state", folder / "settings", folder / "agents"
        for made in (self.state, self.settings / "meshgate", self.agents):
            made.mkdir(parents=True)

    def resolved(self, text: str, instance: str) -> str:
        """A value of a unit with its specifiers, and with these folders in place of the machine's."""
        for old, new in (
            ("/opt/meshgate-agents", str(self.agents)),
            ("/opt/meshgate/", f"{self.program}/"),
            ("%S", str(self.state)),
            ("%E", str(self.settings)),
            ("%i", instance),
        ):
            text = text.replace(old, new)
        return text

    @contextmanager
    def started(self, name: str, instance: str = "") -> Generator[Service]:
        """A unit's command with its variables, in its folders."""
        unit = read_unit(DEPLOY / "systemd" / name)
        (self.state / self.resolved(unit.one("StateDirectory"), instance)).mkdir(mode=0o700, parents=True)
        environ = {"PATH": f"{self.program / 'bin'}:{os.defpath}", "LANG": "C.UTF-8"}
        environ |= dict(one.split("=", 1) for one in shlex.split(self.resolved(unit.one("Environment"), instance)))
        file = self.resolved(unit.one("EnvironmentFile"), instance)
        if Path(file.removeprefix("-")).exists() or not file.startswith("-"):
            lines = Path(file.removeprefix("-")).read_text().splitlines()
            environ |= dict(line.split("=", 1) for line in lines)
        command = shlex.split(self.resolved(unit.one("ExecStart"), instance))
        cwd = Path(self.resolved(unit.one("WorkingDirectory"), instance))
        confined = [sys.executable, "-c", CONFINED, *command]
        with running(confined, environ, cwd, self.folder / f"{name}.log") as service:
            yield service


def test_the_units_start_a_gateway_and_an_agent_that_is_called(gateway: Environment, tmp_path: Path) -> None:
    machine = Machine(tmp_path, gateway.folder)
    http, grpc, join, admin = servers.free_ports(4)
    (machine.settings / "meshgate" / "meshgate.toml").write_text(f"port = {http}\ngrpc_port = {grpc}\nworkers = 2\n")
    (machine.settings / "meshgate" / "gateway.env").write_text(
        f"MESHGATE_JOIN_PORT={join}\nMESHGATE_ADMIN_PORT={admin}\n"
    )
    home = machine.state / "meshgate"
    with machine.started("meshgate.service") as service:
        soon(lambda: service.process.poll() is not None or Mesh.find(home) is not None)
        mesh = Mesh.find(home)
        assert mesh is not None, service.said
        assert mesh.run["gateway"] == f"http://127.0.0.1:{http}"
        keys = keys_of(home)
        assert [key for key in keys.values() if key in service.said] == []
        shutil.copy(APPS / "digest_agent.py", machine.agents / "digest.py")
        (machine.settings / "meshgate" / "agent-digest.env").write_text(
            f"MESHGATE_JOIN_URL=http://127.0.0.1:{join}\nMESHGATE_JOIN_KEY={keys['join']}\n"
        )
        with machine.started("meshgate-agent@.service", "digest") as agent:
            call_an_agent(mesh, keys, agent.process, service)
    assert Mesh.find(home) is None


def test_a_unit_whose_setting_is_wrong_ends_with_the_code_that_is_not_tried_again(
    gateway: Environment, tmp_path: Path
) -> None:
    unit = read_unit(DEPLOY / "systemd" / "meshgate.service")
    machine = Machine(tmp_path, gateway.folder)
    (machine.settings / "meshgate" / "meshgate.toml").write_text("prot = 1\n")
    command = shlex.split(machine.resolved(unit.one("ExecStart"), ""))
    own = Environment(gateway.folder, machine.settings / "meshgate", {"MESHGATE_HOME": str(tmp_path / "home")})
    done = own.run(*command)
    assert str(done.returncode) == unit.one("RestartPreventExitStatus"), done.stderr
