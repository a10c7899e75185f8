"""Each recipe through a gateway: real processes, the built wheel, and the framework from a lock file.

Those whose framework is in ``requirements/dev.lock`` run with the tests of the wheel, the others in ``make interop``.
"""

import json
import signal
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import unavailable
from tests.e2e import environments
from tests.e2e.conftest import PORTS, await_instances
from tests.e2e.environments import APPS, Environment, Mesh
from tests.e2e.recipes import LOCKS, RECIPES, Recipe
from tests.support.patience import patience
from tests.support.servers import answers, free_ports

pytestmark = pytest.mark.timeout(600)  # with a cold cache the packages are fetched

Tree = dict[str, Any]
VARIANT = APPS / "recipe_variant.py"


def marked(one: Recipe) -> Any:
    """A recipe as a parameter, with the word that runs it."""
    return pytest.param(one, id=one.program, marks=pytest.mark.interop if one.lock else pytest.mark.e2e)


each = pytest.mark.parametrize("recipe", [marked(one) for one in RECIPES])


@dataclass(frozen=True)
class Stage:
    """A mesh of its own, and the agent hello in it."""

    gateway: Environment
    mesh: Mesh
    hello: Path
    """The folder in which hello leaves signs."""
    logs: Path

    def call(self, recipe: Recipe, *more: str) -> list[Tree]:
        """The events of a call by ``meshgate call --json``."""
        said = self.gateway.ok("meshgate", "call", *recipe.asked[:1], *(more or recipe.asked[1:]), "--json")
        return [json.loads(line) for line in said.splitlines()]

    def job(self, name: str = "last") -> Tree:
        """The tree of a job."""
        found: Tree = json.loads(self.gateway.ok("meshgate", "job", name, "--json"))
        return found

    @contextmanager
    def running(
        self, environment: Environment, *command: str | Path, **variables: str
    ) -> Generator["subprocess.Popen[str]"]:
        """A program that runs for as long as the block does."""
        with (self.logs / "programs.log").open("a") as log:
            process = subprocess.Popen(
                [environment.programs / "python", *command],
                env={**environment.environ, **variables},
                cwd=environment.scratch,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
            )
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(timeout=patience())
                except subprocess.TimeoutExpired:  # a server waits for the work that it did not cancel
                    process.kill()
                    process.wait()

    @contextmanager
    def joined(self, recipe: Recipe, environment: Environment, *command: str | Path) -> Generator[None]:
        """A recipe's program, once it is in the mesh, for as long as the block runs."""
        (port,) = free_ports(1)
        before = len(self.mesh.instances())
        with ExitStack() as stack:
            process = stack.enter_context(self.running(environment, *command, PORT=str(port)))
            if recipe.registered:
                stack.enter_context(self.registered(f"http://127.0.0.1:{port}", process))
            else:
                await_instances(self.mesh, before + 1, process)
            yield
        self.await_gone(before)

    @contextmanager
    def registered(self, url: str, process: "subprocess.Popen[str]") -> Generator[str]:
        """A server that is registered, as soon as it answers, for as long as the block runs; its call key."""
        self.await_card(url, process)
        told = json.loads(self.gateway.ok("meshgate", "register", "--card", url, "--json"))
        try:
            yield told["call_key"]
        finally:
            self.gateway.ok("meshgate", "deregister", told["instance"])

    def await_card(self, url: str, process: "subprocess.Popen[str]") -> None:
        """Wait until a server serves its card."""
        for _ in range(int(patience(60.0) / 0.1)):
            if answers(f"{url}/.well-known/agent-card.json"):
                return
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.1)
                break
        pytest.fail(f"the server did not come up:\n{(self.logs / 'programs.log').read_text()[-4000:]}")

    def await_answer(self, recipe: Recipe) -> None:
        """Call until the gateway has seen the card of a server that was away."""
        for _ in range(int(patience(60.0) / 0.5)):
            if self.gateway.run("meshgate", "call", *recipe.asked).returncode == 0:
                return
        pytest.fail(f"{recipe.agent} does not answer:\n{(self.logs / 'programs.log').read_text()[-4000:]}")

    def await_gone(self, count: int) -> None:
        """Wait until no more instances than these are there."""
        for _ in range(int(patience(60.0) / 0.1)):
            if len(self.mesh.instances()) <= count:
                return
        pytest.fail("an agent that ended is still listed")


@pytest.fixture(scope="module")
def stage(gateway: Environment, folder: Path) -> Iterator[Stage]:
    """A mesh of its own: the other tests count the agents of theirs."""
    home = folder / "recipes"
    hello = home / "hello"
    hello.mkdir(parents=True)
    own = replace(gateway, variables={**gateway.variables, "MESHGATE_HOME": str(home / "mesh")})
    # Some frameworks import much when they are first called, and hold up the event loop of their agent meanwhile.
    own.ok("meshgate", "up", "-d", *PORTS, "--limit", f"patience={patience(10.0)}")
    try:
        mesh = Mesh.find(home / "mesh")
        assert mesh is not None
        made = Stage(own, mesh, hello, home)
        with made.running(replace(own, scratch=hello), VARIANT, "hello") as process:
            await_instances(mesh, 1, process)
            yield made
    finally:
        own.ok("meshgate", "down")


Equip = Callable[[Recipe], Environment]


@pytest.fixture(scope="module")
def equip(stage: Stage, wheel: Path) -> Equip:
    """Makes the environment of a recipe: its framework as it is locked, and the wheel beside it."""
    made: dict[str, Environment] = {}

    def equipped(recipe: Recipe) -> Environment:
        name = recipe.lock or recipe.program
        if name not in made:
            variables = {**stage.gateway.variables, "PYTHONWARNINGS": "default", "CREWAI_DISABLE_TELEMETRY": "true"}
            place = (stage.logs / name, stage.logs / f"{name}-files")
            try:
                if recipe.lock:
                    lock = LOCKS / f"{recipe.lock}.lock"
                    made[name] = environments.make_locked(place[0], lock, wheel, scratch=place[1], variables=variables)
                else:
                    wanted = (environments.from_wheel(wheel), environments.locked(recipe.package))
                    made[name] = environments.make(place[0], *wanted, scratch=place[1], variables=variables)
            except environments.NoIndex as reason:
                unavailable(reason)
        return made[name]

    return equipped


def text_of(events: list[Tree]) -> str:
    """The result: chunks that are appended go on with what came before, others replace it."""
    made = ""
    for update in (event["artifactUpdate"] for event in events if "artifactUpdate" in event):
        (part,) = update["artifact"]["parts"]
        said = part["text"] if "text" in part else json.dumps(part["data"])
        made = made + said if update.get("append") else said
    return made


def state_of(event: Tree) -> str:
    """The state of the task that an event tells, or ""."""
    told: Tree = event.get("statusUpdate") or event.get("task") or {}
    status: Tree = told.get("status") or {}
    return str(status.get("state", ""))


@pytest.mark.requirement("docs.frameworks", "sdk.recipe_children")
@each
def test_a_recipe_answers_through_a_gateway(recipe: Recipe, stage: Stage, equip: Equip) -> None:
    environment = equip(recipe)
    with stage.joined(recipe, environment, recipe.file):
        events = stage.call(recipe)
        job = events[0]["meshgate"]["job"]
        for answer in recipe.answers:
            assert state_of(events[-1]) == "TASK_STATE_INPUT_REQUIRED"
            events = stage.call(recipe, answer, "--task", events[0]["task"]["id"])
        tree = stage.job(job)
    assert (text_of(events), state_of(events[-1])) == (recipe.answer, "TASK_STATE_COMPLETED")
    assert len([event for event in events if "artifactUpdate" in event]) == recipe.chunks
    assert (tree["input_tokens"], tree["output_tokens"]) == recipe.tokens
    (root,) = tree["roots"]
    # Without its call key a registered agent calls as anybody, so its call is the root of a job of its own.
    children = ["hello"] if recipe.calls and not recipe.registered else []
    assert [child["call"]["agent"] for child in root["children"]] == children


CREWAI = next(one for one in RECIPES if one.program == "crewai_agent")
FASTA2A = next(one for one in RECIPES if one.program == "pydantic_ai_server")


@pytest.mark.interop
@pytest.mark.requirement("docs.frameworks")
def test_a_tool_that_has_the_context_asks_the_caller(stage: Stage, equip: Equip) -> None:
    with stage.joined(CREWAI, equip(CREWAI), VARIANT, "ask", CREWAI.program):
        events = stage.call(CREWAI)
        assert state_of(events[-1]) == "TASK_STATE_INPUT_REQUIRED"
        (asked,) = events[-1]["statusUpdate"]["status"]["message"]["parts"]
        assert asked["text"] == "Whom, if not the World?"
        events = stage.call(CREWAI, "Ada", "--task", events[0]["task"]["id"])
    assert text_of(events) == "I said: Hello, Ada!"


@pytest.mark.interop
@pytest.mark.requirement("docs.frameworks", "sdk.recipe_children")
def test_a_call_that_a_registered_agent_makes_with_its_call_key_is_a_child_of_the_job(
    stage: Stage, equip: Equip
) -> None:
    environment = equip(FASTA2A)
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        with stage.running(environment, FASTA2A.file, PORT=str(port)) as process:
            key = stack.enter_context(stage.registered(url, process))
        process = stack.enter_context(stage.running(environment, FASTA2A.file, PORT=str(port), MESHGATE_KEY=key))
        stage.await_card(url, process)
        stage.await_answer(FASTA2A)
        (root,) = stage.job()["roots"]
    (child,) = root["children"]
    assert (root["call"]["agent"], child["call"]["agent"]) == ("usher", "hello")


@pytest.mark.requirement("docs.frameworks")
@each
def test_a_recipe_that_is_cancelled_ends_its_work_or_says_that_it_goes_on(
    recipe: Recipe, stage: Stage, equip: Equip
) -> None:
    environment = equip(recipe)
    (stage.hello / "hang").touch()
    signs = stage.hello if recipe.calls else environment.scratch
    for sign in ("begun", "cancelled"):
        (signs / sign).unlink(missing_ok=True)
    try:
        with stage.joined(recipe, environment, VARIANT, "hang", recipe.program):
            caller = stage.gateway.start("meshgate", "call", *recipe.asked)
            assert caller.stderr is not None
            assert any(": working" in line for line in caller.stderr)
            await_file(signs / "begun", caller)
            caller.send_signal(signal.SIGINT)
            _, told = caller.communicate(timeout=patience())
            if recipe.cancelled == "yes":
                assert "interrupted: the task is cancelled" in told
                await_file(signs / "cancelled")
            else:
                assert "the task could not be cancelled" in told
                assert not (signs / "cancelled").exists()
    finally:
        (stage.hello / "hang").unlink()


def await_file(path: Path, caller: "subprocess.Popen[str] | None" = None) -> None:
    """Returns once a file is there; the caller must not end before."""
    for _ in range(int(patience(60.0) / 0.05)):
        if path.exists():
            return
        if caller is not None:
            try:
                caller.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                continue
            break
    pytest.fail(f"there is no {path.name}: {caller.communicate() if caller is not None else ''}")
