"""The commands against a real mesh: gateway and agent as processes, in a home of their own, on free ports."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cli.shell import PORTS, Shell

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("mesh") / "home")
    shell.ok("up", "--detach", *PORTS)
    log = (shell.home / "agent.log").open("w")
    agent = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("agent.py"))], env=shell.environ, stdout=log, stderr=log
    )
    try:
        shell.await_agent("hello")
        yield shell
    finally:
        agent.terminate()
        agent.wait()
        log.close()
        assert shell.run("down").returncode == 0


def test_a_call_prints_the_result_alone_and_names_its_job(shell: Shell) -> None:
    done = shell.run("call", "hello", "world")
    assert (done.returncode, done.stdout) == (0, "Hello, world!\n")
    job = done.stderr.split("meshgate job ")[1].strip()
    assert json.loads(shell.ok("job", job, "--json"))["roots"][0]["call"]["agent"] == "hello"


def test_a_call_by_skill_shows_progress_on_standard_error(shell: Shell) -> None:
    done = shell.run("call", "count@^1", "3")
    assert (done.returncode, done.stdout) == (0, "counted 3\n")
    assert "step 2 of 3 (67%)" in done.stderr


@pytest.mark.requirement("cli.times")
def test_a_call_says_how_much_of_its_time_was_spent_in_the_mesh_and_jobs_since_when_there_are_records(
    shell: Shell,
) -> None:
    told = shell.run("call", "hello", "world").stderr
    assert re.search(r"\d ms \(\d+ ms of it in the mesh\), hello-", told), told
    assert re.search(r"\nRecords go back to \d\d:\d\d:\d\d\.\n", shell.ok("jobs"))
    stranger = Shell(shell.home)
    stranger.environ["MESHGATE_ADMIN_URL"], stranger.environ["MESHGATE_ADMIN_KEY"] = "http://127.0.0.1:9", "none"
    done = stranger.run("call", "hello", "world")
    assert (done.returncode, "in the mesh" in done.stderr) == (0, False)


@pytest.mark.requirement("cli.search")
def test_an_agent_is_found_by_what_it_can_do_with_the_key_of_a_caller(shell: Shell) -> None:
    found = json.loads(shell.ok("search", "who greets people", "--json"))
    assert [one["identifier"] for one in found["results"]] == ["urn:air:agent.localhost:hello"]
    table = shell.ok("search", "count slowly", "--limit", "1")
    assert "hello" in table
    assert table.endswith("Call one: meshgate call hello TEXT\n")
    assert shell.ok("search", "violin lessons").startswith("No agent that this key may use has these words.")
    stranger = Shell(shell.home)
    stranger.environ["MESHGATE_KEY"] = "mg_client_0_made-up"
    done = stranger.run("search", "who greets people")
    assert (done.returncode, "set MESHGATE_KEY" in done.stderr) == (4, True)


def test_a_call_may_name_the_skill_of_an_agent_that_has_several(shell: Shell) -> None:
    assert shell.ok("call", "hello", "2", "--skill", "count") == "counted 2\n"
    done = shell.run("call", "hello", "x", "--skill", "cuont")
    assert (done.returncode, "NO_ROUTE" in done.stderr) == (3, True)
    assert shell.run("call", "count@1", "2", "--skill", "count").returncode == 2


def test_a_call_without_streaming_gives_the_same_result(shell: Shell) -> None:
    assert shell.ok("call", "count@1", "1", "--no-stream") == "counted 1\n"


def test_the_text_can_come_from_standard_input(shell: Shell) -> None:
    assert shell.run("call", "hello", "-", stdin="input").stdout == "Hello, input!\n"


def test_events_can_be_had_as_json_lines(shell: Shell) -> None:
    events = [json.loads(line) for line in shell.ok("call", "hello", "x", "--json").splitlines()]
    assert events[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
    assert {event["meshgate"]["instance"] for event in events} == {events[0]["meshgate"]["instance"]}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["broken@1", "disk"], 1),
        (["nobody", "x"], 3),
        (["@@", "x"], 2),
        (["hello@9", "x"], 3),
        (["--task", "no~such", "hello", "x"], 1),
    ],
)
@pytest.mark.requirement("cli.exit_codes")
def test_each_failed_call_has_its_exit_code(shell: Shell, arguments: list[str], code: int) -> None:
    done = shell.run("call", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.splitlines()[-1].startswith("error: ")


def test_a_key_that_is_not_known_is_denied(shell: Shell) -> None:
    other = Shell(shell.home)
    other.environ["MESHGATE_KEY"] = "mg_client_0000000000_" + "x" * 43
    assert other.run("call", "hello", "x").returncode == 4


@pytest.mark.requirement("cli.job")
def test_a_job_shows_what_was_refused_in_it(shell: Shell) -> None:
    assert shell.ok("call", "loop@1", "x") == "LOOP\n"
    text = shell.ok("job", "last")
    assert "1 refused" in text
    assert "LOOP: " in text
    assert "    └── hello.loop@1.4.0  refused" in text


def test_a_budget_is_kept_and_its_refusal_is_a_limit(shell: Shell) -> None:
    assert shell.ok("call", "loop@1", "x", "--budget", "calls=1") in ("BUDGET_EXHAUSTED\n", "LOOP\n")
    tree = json.loads(shell.ok("job", "last", "--json"))
    assert tree["job"]["call_limit"] == 1


@pytest.mark.requirement("cli.interrupt")
def test_interrupting_a_call_cancels_its_task(shell: Shell) -> None:
    with shell.start("call", "count@1", "1000") as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "step 1 " in line)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert said.splitlines()[-1] == "error: interrupted: the task is cancelled"
    assert "cancelled" in shell.ok("job", "last")


def test_agents_are_listed_with_skills_and_instances(shell: Shell) -> None:
    (agent,) = json.loads(shell.ok("agents", "--json"))
    assert agent["agent"] == "hello"
    assert "broken, count, greet, loop" in shell.ok("agents")
    assert agent["instances"][0]["id"] in shell.ok("agents", "--instances")


@pytest.mark.requirement("cli.explain")
def test_explain_says_what_a_call_would_meet_and_exits_as_it_would(shell: Shell) -> None:
    nowhere = shell.run("explain", "greet@2")
    assert (nowhere.returncode, "leads nowhere" in nowhere.stdout, "not taken" in nowhere.stdout) == (3, True, True)
    assert "taken" in shell.ok("explain", "greet@1")
    shell.ok("kill", "agent", "hello", "--reason", "it loops")
    try:
        for more in ([], ["--json"]):
            done = shell.run("explain", "greet@1", *more)
            assert done.returncode == 4
            assert "agent hello is switched off: it" in done.stdout
    finally:
        shell.ok("kill", "agent", "hello", "--lift")


def test_a_switch_refuses_calls_until_it_is_lifted(shell: Shell) -> None:
    shell.ok("kill", "skill", "broken", "--reason", "it leaks")
    try:
        assert "it leaks" in shell.ok("kill")
        assert shell.run("call", "broken@1", "x").returncode == 4
    finally:
        shell.ok("kill", "skill", "broken", "--lift")
    assert "No kill switch" in shell.ok("kill")
    assert shell.run("call", "broken@1", "x").returncode == 1


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[str]:
    """The base URL of a server that shows a card."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        skill: dict[str, object] = {"id": "translate", "name": "translate", "description": "", "tags": []}
        card: dict[str, object] = {
            "name": "A Stranger",
            "description": "",
            "version": "2.0.0",
            "capabilities": {},
            "defaultInputModes": ["text/plain"],
            "defaultOutputModes": ["text/plain"],
            "skills": [skill],
            "supportedInterfaces": [{"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}],
        }
        (tmp_path / ".well-known").mkdir()
        (tmp_path / ".well-known" / "agent-card.json").write_text(json.dumps(card))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield url
        server.shutdown()


@pytest.mark.requirement("cli.own_url")
def test_the_url_of_the_mesh_itself_is_no_agent(shell: Shell) -> None:
    run = json.loads((shell.home / "run.json").read_text())
    for url in (
        run["gateway"],
        f"{run['gateway']}/agents/hello",
        run["join"],
        run["gateway"].replace("127.0.0.1", "localhost"),
    ):
        done = shell.run("register", "--card", url)
        assert (done.returncode, "is this mesh's own gateway, and no agent" in done.stderr) == (2, True), url


@pytest.mark.requirement("cli.foreign", "cli.deregister")
def test_a_foreign_agent_joins_by_its_card_and_leaves(shell: Shell, stranger: str) -> None:
    made = json.loads(shell.ok("register", "--card", stranger, "--label", "region=eu", "--json"))
    assert (made["agent"], made["skills"]) == ("a-stranger", ["translate"])
    assert made["call_key"]
    assert "foreign" in shell.ok("agents")
    assert "region=eu" in shell.ok("agents", "a-stranger")
    assert "taken" in shell.ok("explain", "translate@2,region=eu")
    shell.ok("deregister", made["instance"])
    again = shell.run("deregister", made["instance"])
    assert (again.returncode, "is registered" in again.stderr) == (1, True)
    said = shell.run("register", "--card", stranger).stderr
    assert f"its card is at {stranger}/.well-known/agent-card.json" in said
    shell.ok("deregister", "a-stranger")
    assert "a-stranger" not in shell.ok("agents")
    assert "no instance 'a-stranger' is registered" in shell.run("deregister", "a-stranger").stderr


def test_the_card_of_an_agent_of_the_mesh_is_not_for_strangers(shell: Shell) -> None:
    (agent,) = json.loads(shell.ok("agents", "--json"))
    url = agent["instances"][0]["endpoints"][0].split()[-1]
    assert shell.run("register", "--card", url).returncode == 4


def test_the_doctor_finds_nothing_wrong_with_a_mesh_that_works(shell: Shell) -> None:
    done = shell.run("doctor", "--json")
    findings = json.loads(done.stdout)
    assert [one for one in findings if one["state"] == "fail"] == []
    assert done.returncode == 0
    assert {"gateway", "ready", "clock", "join port", "gRPC port", "admin port"} <= {one["what"] for one in findings}


@pytest.mark.requirement("cli.doctor")
def test_the_doctor_names_a_consul_that_does_not_answer(shell: Shell) -> None:
    done = shell.run("doctor", "--registry", "consul://127.0.0.1:1", "--json")
    assert [one["what"] for one in json.loads(done.stdout) if one["state"] == "fail"] == ["Consul"]
    assert done.returncode == 1


def test_draining_is_seen_and_taken_back(shell: Shell) -> None:
    shell.ok("drain")
    try:
        assert shell.run("doctor").returncode == 1
    finally:
        shell.ok("drain", "--off")
    assert shell.run("drain", "--gateway", "nobody").returncode == 1


@pytest.mark.requirement("cards.rotated")
def test_the_key_of_cards_is_rotated_while_the_mesh_runs(shell: Shell) -> None:
    url = json.loads((shell.home / "run.json").read_text())["gateway"]

    def kids() -> list[str]:
        with urllib.request.urlopen(f"{url}/.well-known/jwks.json") as answer:
            return [key["kid"] for key in json.load(answer)["keys"]]

    (before,) = kids()
    assert "cards are signed with key 2 now" in shell.run("card", "rotate").stderr
    assert kids()[1:] == [before]


def test_a_second_mesh_in_the_same_home_is_refused(shell: Shell) -> None:
    assert shell.run("up", *PORTS).returncode == 1


@pytest.mark.requirement("cli.first_keys")
def test_keys_are_in_no_output_that_is_no_terminal_but_once_in_a_private_file(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home")
    file = shell.home / "new-keys.json"
    first, second = "", ""
    try:
        first = shell.ok("up", "-d", *PORTS)
        keys = json.loads(file.read_text())
        assert file.stat().st_mode & 0o077 == 0
        file.unlink()
        shell.ok("down")
        second = shell.ok("up", "-d", *PORTS)
    finally:
        shell.run("down")
    assert set(keys) == {"client", "join", "admin"}
    assert str(file) in first
    assert f"client_key in {shell.home / 'run.json'}" in first
    assert not file.exists()
    assert (shell.home / "gateway.log").stat().st_mode & 0o077 == 0
    log = (shell.home / "gateway.log").read_text() + (shell.home / "gateway.log.1").read_text()
    assert "mg_" not in first + second + log


@pytest.mark.requirement("cli.first_keys")
def test_on_a_terminal_the_first_run_shows_its_keys_and_later_ones_do_not(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home")
    try:
        first = shell.on_terminal("up", "-d", *PORTS)
        shell.ok("down")
        second = shell.on_terminal("up", "-d", *PORTS)
    finally:
        shell.run("down")
    assert "shown this once" in first
    assert "shown this once" not in second
    assert {kind for kind in ("client", "join", "admin") if f"mg_{kind}_" in first} == {"client", "join", "admin"}
    # The first call holds the development key of this run.
    assert "mg_client_" in second
    assert not (shell.home / "new-keys.json").exists()


@pytest.mark.parametrize("detached", [False, True])
def test_a_taken_port_names_the_port_and_its_flag(tmp_path: Path, detached: bool) -> None:
    shell = Shell(tmp_path / "home")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        flags = ["--admin-port", port, *PORTS[:6], *(["-d"] if detached else [])]
        done = shell.run("up", *flags)
    assert done.returncode == 1
    assert port in done.stderr
    assert "--admin-port" in done.stderr
    assert shell.run("down").returncode == 3


def test_in_the_foreground_it_runs_until_a_signal_and_logs_json_lines(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home")
    with shell.start("up", *PORTS) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        assert process.stdout is not None
        seen = next((line for line in process.stdout if "Ctrl-C stops it" in line), "")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        watchdog.cancel()
    assert seen
    assert process.returncode == 0
    *logs, last = err.splitlines()
    assert last == "stopped"
    assert all("event" in json.loads(line) for line in logs)
    assert not (shell.home / "run.json").exists()


def test_what_a_killed_mesh_left_is_cleared(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home")
    shell.ok("up", "-d", *PORTS)
    pid = json.loads((shell.home / "run.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    assert shell.run("doctor").returncode == 3
    assert "cleared" in shell.run("down").stderr
    assert not (shell.home / "run.json").exists()


@pytest.mark.requirement("cards.refused", "cards.found")
def test_agents_of_the_settings_are_found_by_their_url_and_shown_with_the_reason_if_refused(
    tmp_path: Path, stranger: str
) -> None:
    shell = Shell(tmp_path / "home")
    shell.home.mkdir(mode=0o700, parents=True)
    old: dict[str, object] = {"name": "old", "version": "1", "url": stranger, "protocolVersion": "0.2.6", "skills": []}
    (tmp_path / "old.json").write_text(json.dumps(old))
    cards = {"known": stranger, "old": f"{stranger}/old.json"}
    tables = "".join(f'[[agents]]\nname = "{name}"\ncard = "{card}"\n' for name, card in cards.items())
    (shell.home / "meshgate.toml").write_text(tables)
    shell.ok("up", "--detach", *PORTS)
    try:
        shell.await_agent("known")
        listed = shell.run("agents")
        assert "a-stranger" not in listed.stdout
        assert (
            "refused: old of the settings: this is no agent card of A2A 1.0 or 0.3: it is one of A2A 0.2.6"
            in listed.stderr
        )
        done = shell.run("doctor", "--json")
        (failed,) = [one for one in json.loads(done.stdout) if one["state"] == "fail"]
        assert (failed["what"], done.returncode) == ("agent old of the settings", 1)
        assert "it is one of A2A 0.2.6" in failed["detail"]
    finally:
        shell.ok("down")
