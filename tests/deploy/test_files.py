"""The files of ``deploy``, linted as far as that goes without a container engine and without a running systemd.

``compose-spec.json`` is the schema of the Compose Specification, unchanged, as github.com/compose-spec/compose-go
2.16.2 has it (Apache-2.0).
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml

from meshgate.cli.app import make_app
from meshgate.cli.launch.flags import FLAGS
from meshgate.gateway import config as settings
from meshgate.gateway.config import Config, load_config
from tests.deploy.files import DEPLOY, ROOT, compose, read_image, read_unit

pytestmark = pytest.mark.requirement("deploy.files")
DOCKERFILE = DEPLOY / "Dockerfile"
UNITS = sorted((DEPLOY / "systemd").iterdir())
PAGE = ROOT / "docs" / "deploying.md"
PORTS = {"8080", "8081", "8082", "8090"}
SECTIONS = {
    "Unit": {"Description", "Wants", "After"},
    "Install": {"WantedBy"},
    "Service": {
        *("Type", "DynamicUser", "StateDirectory", "StateDirectoryMode", "ConfigurationDirectory", "WorkingDirectory"),
        *("Environment", "EnvironmentFile", "ExecStart", "KillMode", "TimeoutStopSec", "Restart", "RestartSec"),
        *("RestartPreventExitStatus", "LimitNOFILE", "UMask", "NoNewPrivileges", "CapabilityBoundingSet"),
        *("AmbientCapabilities", "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateUsers"),
        *("ProtectClock", "ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules"),
        *("ProtectKernelTunables", "ProtectProc", "ProcSubset", "RestrictAddressFamilies", "RestrictNamespaces"),
        *("RestrictRealtime", "RestrictSUIDSGID", "RemoveIPC", "LockPersonality", "MemoryDenyWriteExecute"),
        *("SystemCallArchitectures", "SystemCallFilter", "SystemCallErrorNumber"),
    },
}
"""Every directive that the units may have, by section (systemd.unit(5), systemd.service(5), systemd.exec(5))."""


# -- Dockerfile


def test_the_dockerfile_has_nothing_that_hadolint_finds() -> None:
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        pytest.skip("hadolint has a wheel for Linux on x86-64 alone")
    done = subprocess.run([program, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_pinned_runs_as_nobody_and_keeps_its_home_in_a_volume() -> None:
    text = DOCKERFILE.read_text()
    image = read_image(text)
    froms = [image.resolved(rest).split()[0] for stage in image.steps for word, rest in stage if word == "FROM"]
    assert len(froms) == 2
    assert [one for one in froms if not re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", one)] == []
    home = image.environ["MESHGATE_HOME"]
    assert (image.last("VOLUME"), image.last("WORKDIR")) == (home, home)
    user = image.last("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    made = image.last("RUN")
    assert f"--uid {user.partition(':')[0]} " in made
    assert f"--owner=meshgate --group=meshgate --mode=0700 {home}" in made
    order = [word for word, _ in image.steps[-1]]
    assert order.index("RUN") < order.index("USER") < order.index("VOLUME"), "a volume keeps the mode from before it"
    assert set(image.last("EXPOSE").split()) == PORTS
    assert image.last("STOPSIGNAL") == "SIGTERM"
    assert [one for one in ("curl", "wget", "mg_", "MESH_KEY", "apt-get") if one in text] == []


def test_the_builder_is_sent_what_it_copies_and_nothing_else() -> None:
    first, *kept = [
        line
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert first == "*"
    wanted = {
        source
        for word, rest in read_image(DOCKERFILE.read_text()).steps[0]
        if word == "COPY"
        for source in rest.split()[:-1]
    }
    assert {line.removeprefix("!") for line in kept if line.startswith("!")} == wanted
    assert [source for source in wanted if not (ROOT / source).exists()] == []
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {package.partition("/")[0] for package in hatch["packages"]} <= wanted


# -- Compose


def test_the_compose_file_keeps_the_schema_of_the_specification() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text("utf-8"))
    checker: Any = jsonschema.Draft202012Validator(schema)
    assert [error.message for error in checker.iter_errors(compose())] == []
    broken = compose()
    broken["services"]["gateway"]["helthcheck"] = {}
    assert list(checker.iter_errors(broken)), "the schema sees a misspelt key"


def test_every_service_is_pinned_and_asked_for_its_health_and_has_its_place() -> None:
    whole = compose()
    for name, service in whole["services"].items():
        assert service["healthcheck"]["test"], name
        assert service["restart"] == "unless-stopped", name
        assert set(service["networks"]) <= set(whole["networks"]), name
        if "build" not in service:
            assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in whole["volumes"] or (DEPLOY / source).is_file(), volume
        for other in service.get("depends_on", ()):
            assert other in whole["services"]
        for secret in service.get("secrets", ()):
            assert secret in whole["secrets"]
    build = whole["services"]["gateway"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]) == DOCKERFILE


def test_ports_are_published_on_loopback_unless_one_says_otherwise() -> None:
    ports = [port for service in compose()["services"].values() for port in service["ports"]]
    open_to_all = [
        port for port in ports if not re.match(r"(127\.0\.0\.1|\$\{BIND_ADDRESS:-127\.0\.0\.1\}):\d+:\d+$", port)
    ]
    assert open_to_all == []
    behind = [port for port in ports if "BIND_ADDRESS" in port]
    assert {port.rpartition(":")[2] for port in behind} == {"8080", "8081"}, "join and admin stay on loopback"


def test_no_secret_lies_beside_the_files() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "deploy"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.splitlines()
    assert [path for path in tracked if "secrets/" in path] in ([], ["deploy/secrets/.gitignore"])
    assert (DEPLOY / "secrets" / ".gitignore").read_text().splitlines()[-2:] == ["*", "!.gitignore"]
    for path in DEPLOY.rglob("*"):
        assert path.is_dir() or path.parent.name == "secrets" or "mg_" not in path.read_text("utf-8")


# -- Prometheus


def test_prometheus_reads_the_admin_port_with_the_key_of_the_secret() -> None:
    whole = compose()
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    assert set(found) == {"global", "scrape_configs"}
    assert set(found["global"]) <= {"scrape_interval", "scrape_timeout", "evaluation_interval"}
    (job,) = found["scrape_configs"]
    assert set(job) == {"job_name", "metrics_path", "authorization", "static_configs"}
    (secret,) = whole["services"]["prometheus"]["secrets"]
    assert job["authorization"] == {"type": "Bearer", "credentials_file": f"/run/secrets/{secret}"}
    ((target,),) = (one["targets"] for one in job["static_configs"])
    service, _, port = target.partition(":")
    assert service in whole["services"]
    assert port == str(Config().admin_port)
    mounts = whole["services"]["prometheus"]["volumes"]
    (config,) = (one.split(":")[1] for one in mounts if one.startswith("./prometheus.yml:"))
    assert f"--config.file={config}" in whole["services"]["prometheus"]["command"]


# -- systemd


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_has_known_directives_alone_and_confines_its_service(path: Path) -> None:
    unit = read_unit(path)
    unknown = [(section, name) for section, name, _ in unit.lines if name not in SECTIONS.get(section, ())]
    assert unknown == []
    assert unit.one("DynamicUser") == "yes"
    assert unit.one("StateDirectoryMode") == "0700"
    assert (unit.one("NoNewPrivileges"), unit.one("ProtectSystem"), unit.one("UMask")) == ("yes", "strict", "0077")
    assert unit.one("CapabilityBoundingSet") == ""
    assert float(unit.one("TimeoutStopSec")) > Config().limits.drain
    assert unit.hardening == read_unit(UNITS[0]).hardening, "both are confined alike"


def test_systemd_takes_the_units_and_finds_them_confined(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze here; the directives were looked up in a table")
    true = shutil.which("true")
    for path in UNITS:
        text = re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={true}", path.read_text())
        (tmp_path / path.name).write_text(text)
    copies = [str(tmp_path / path.name) for path in UNITS]
    done = subprocess.run([analyze, "verify", *copies], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for copy in copies:
        said = subprocess.run(
            [analyze, "security", "--offline=true", "--threshold=15", copy], capture_output=True, text=True, check=False
        )
        if "unrecognized option" in said.stderr:
            pytest.skip("this systemd-analyze does not judge unit files")
        assert said.returncode == 0, said.stdout[-2000:] + said.stderr


# -- what the files name exists


def known_variables() -> set[str]:
    fields = {f"MESHGATE_{name.upper()}" for name in Config.__struct_fields__ if name not in ("agents", "limits")}
    limits = {f"MESHGATE_LIMITS_{name.upper()}" for name in type(Config().limits).__struct_fields__}
    return fields | limits | {f"MESHGATE_{name}" for name in settings._ELSEWHERE}  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    "path", [*(one for one in sorted(DEPLOY.rglob("*")) if one.is_file()), PAGE], ids=lambda path: path.name
)
def test_every_variable_that_is_named_is_a_setting(path: Path) -> None:
    named = set(re.findall(r"\bMESHGATE_[A-Z0-9_]+\b", path.read_text("utf-8")))
    assert named - known_variables() == set()


def options(words: list[str]) -> tuple[set[str], set[str]]:
    """The options that a command line of meshgate gives, and those that the command has."""
    command: Any = typer.main.get_command(make_app())
    given = [word for word in words if word.startswith("-")]
    for word in words:
        if word.startswith("-") or not hasattr(command, "commands") or word not in command.commands:
            break
        command = command.commands[word]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    return {one.partition("=")[0] for one in given}, known


def test_every_flag_that_is_named_exists() -> None:
    image = read_image(DOCKERFILE.read_text())
    lines = [
        image.words("CMD"),
        *(shlex.split(read_unit(path).one("ExecStart"))[1:] for path in UNITS if "@" not in path.name),
    ]
    text = PAGE.read_text("utf-8")
    for block in re.findall(r"(?ms)^ *```bash\n(.*?)^ *```$", text):
        for line in block.replace("\\\n", " ").splitlines():
            lines += [
                shlex.split(words, comments=True)
                for words in re.findall(r"(?:^| gateway |/bin/)meshgate ([a-z].*)$", line)
            ]
    assert len(lines) >= 4
    for words in lines:
        given, known = options(words)
        assert given - known == set(), words
    assert {"--host", "--admin-host", "--allow-remote"} <= {flag.on for flag in FLAGS}


def test_settings_of_the_page_can_be_used(tmp_path: Path) -> None:
    blocks = re.findall(r"(?ms)^ *```toml\n(.*?)^ *```$", PAGE.read_text("utf-8"))
    assert blocks
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.toml"
        path.write_text(block)
        load_config({}, home=tmp_path, path=path, environ={})


def test_the_page_explains_each_file() -> None:
    text = PAGE.read_text("utf-8")
    names = [path.name for path in DEPLOY.rglob("*") if path.is_file() and path.name != ".gitignore"]
    assert [name for name in names if f"`{name}`" not in text and f"/{name}" not in text] == []
