"""Documents that are run: their marked blocks, in order, in an environment that is empty when they begin.

A block that is run has a comment right above its fence (a blank line may stand between)::

    <!-- run: STORY -->               bash: run it, it must end well. python: run it as a program.
    <!-- run: STORY background -->    bash: start it and go on once a mesh has come up or an agent has joined.
    <!-- run: STORY background again --> the same, after Ctrl-C has ended what a block of this text started.
    <!-- run: STORY file=NAME -->     write it to this file, for the blocks that follow.
    <!-- run: STORY file=NAME append --> add it to the end of this file, with two empty lines between.
    <!-- run: STORY output -->        what the block before has printed, line by line; `...` stands for anything.

Blocks of one STORY share a folder, a mesh's home and their shell variables. Its ports are free ones instead of 8080,
8081, 8082 and 8090; `pip install meshgate` installs the built wheel, and of other packages what requirements/dev.lock
has. A block without a comment is not run.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e import environments
from tests.e2e.environments import Environment
from tests.support.patience import patience
from tests.support.servers import free_ports

__all__ = ["Block", "Broken", "Story", "Teller", "pip", "read_stories", "telling"]

_TAG = re.compile(r"^<!-- run: (?P<words>.*?) -->$")
_FENCE = re.compile(r"^(?P<fence>```+)(?P<language>\w*)$")
_PORTS = {"8080": "PORT", "8081": "GRPC_PORT", "8082": "JOIN_PORT", "8090": "ADMIN_PORT"}
_ADDRESS = re.compile(r"(127\.0\.0\.1|localhost):(8080|8081|8082|8090)\b")
_SHELL = ("bash", "sh")
_MODES = ("background", "again", "output", "append")


class Broken(Exception):
    """A document cannot be run, or did not do what it says."""


@dataclass(frozen=True)
class Block:
    """One block."""

    where: str
    language: str
    text: str
    file: str = ""
    background: bool = False
    output: bool = False
    again: bool = False
    append: bool = False


@dataclass(frozen=True)
class Story:
    """Blocks that belong together."""

    name: str
    blocks: list[Block]


def read_stories(document: str, name: str) -> list[Story]:
    """The stories of a Markdown document, in the order in which they begin.

    Raises:
        Broken: a comment has an unknown word, or no block below it.
    """
    stories: dict[str, Story] = {}
    lines = iter(enumerate(document.splitlines(), 1))
    for number, line in lines:
        if (fence := _FENCE.match(line)) is not None:
            _body(lines, fence["fence"])
        elif (tag := _TAG.match(line)) is not None:
            story, *words = tag["words"].split()
            block = _block(lines, words, f"{name}:{number}")
            stories.setdefault(story, Story(story, [])).blocks.append(block)
    return list(stories.values())


def _body(lines: Iterator[tuple[int, str]], fence: str) -> str:
    found: list[str] = []
    for _, line in lines:
        if line.rstrip() == fence:
            break
        found.append(line + "\n")
    return "".join(found)


def _block(lines: Iterator[tuple[int, str]], words: list[str], where: str) -> Block:
    first = next((line for _, line in lines if line), "")
    fence = _FENCE.match(first)
    if fence is None:
        raise Broken(f"{where}: there is no block below this comment")
    files = [word.removeprefix("file=") for word in words if word.startswith("file=")]
    if unknown := set(words) - set(_MODES) - {f"file={file}" for file in files}:
        known = ", ".join(("file=NAME", *_MODES))
        raise Broken(f"{where}: {', '.join(sorted(unknown))}: only these words are known: {known}")
    modes = {mode: mode in words for mode in _MODES}
    block = Block(where, fence["language"], _body(lines, fence["fence"]), "".join(files), **modes)
    if not (block.file or block.output or block.language in (*_SHELL, "python")):
        raise Broken(f"{where}: a block of {block.language or 'no language'} cannot be run")
    return block


# -- running


class Teller:
    """Runs a story's blocks."""

    def __init__(self, environment: Environment, ports: dict[str, str], stack: ExitStack) -> None:
        self._environment = environment
        self._ports = ports
        self._stack = stack
        self._printed = ""
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def tell(self, block: Block) -> None:
        """Run one block.

        Raises:
            Broken: it did not end well, or printed something else.
        """
        text = _ADDRESS.sub(lambda found: f"{found[1]}:{self._ports[found[2]]}", block.text)
        folder = self._environment.scratch
        if block.append:
            with (folder / block.file).open("a") as file:
                file.write("\n\n" + text)
        elif block.file:
            (folder / block.file).write_text(text)
        elif block.output:
            self._compare(block, text)
        elif block.background:
            self._start(block, text)
        else:
            self._run(block, text)

    def _command(self, block: Block, text: str) -> list[str]:
        if block.language == "python":
            return [str(self._environment.programs / "python"), "-c", text]
        # Variables set in one block are there in the next.
        kept = shlex.quote(str(self._environment.scratch / ".variables"))
        return ["bash", "-euo", "pipefail", "-c", f"set -a; [ ! -e {kept} ] || . {kept}\n{text}\nexport -p >{kept}\n"]

    def _run(self, block: Block, text: str) -> None:
        done = self._environment.run(*self._command(block, text))
        self._printed = done.stdout
        if done.returncode:
            raise Broken(f"{block.where} ended with {done.returncode}:\n{text}\n{done.stdout}{done.stderr}")

    def _compare(self, block: Block, text: str) -> None:
        wanted = "".join(".*" if part == "..." else re.escape(part) for part in re.split(r"(\.\.\.)", text.strip()))
        if re.fullmatch(wanted, self._printed.strip(), re.DOTALL) is None:
            raise Broken(f"{block.where}: this was to be printed:\n{text}\nand this was:\n{self._printed}")

    def _start(self, block: Block, text: str) -> None:
        if block.again:
            self._interrupt(block, text)
        before = self._signs()
        log = self._environment.scratch / f"{block.where.replace(':', '-')}.log".replace("/", "-")
        with log.open("w") as output:
            process = subprocess.Popen(
                self._command(block, text),
                env=self._environment.environ,
                cwd=self._environment.scratch,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._stack.callback(_end, process)
        self._started[text] = process
        for _ in range(int(patience(60.0) / 0.1)):
            if self._signs() > before:
                return
            try:
                process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
            break
        raise Broken(f"{block.where}: no mesh came up and no agent joined:\n{text}\n{log.read_text()}")

    def _interrupt(self, block: Block, text: str) -> None:
        process = self._started.get(text)
        if process is None or process.poll() is not None:
            raise Broken(f"{block.where}: nothing runs that a block of this text started:\n{text}")
        os.killpg(process.pid, signal.SIGINT)
        if process.wait(timeout=patience(30.0)):
            raise Broken(f"{block.where}: Ctrl-C ended this with {process.returncode}:\n{text}")

    def _signs(self) -> int:
        """How much there is of a mesh: itself, and the agents in it."""
        run = environments.Mesh.find(self._environment.scratch / "home")
        return 0 if run is None else 1 + len(run.instances())


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=patience())
    except ProcessLookupError:
        return
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def telling(environment: Environment, wheel: Path) -> Generator[Teller]:
    """Runs blocks in this environment; what they started ends with it."""
    ports = dict(zip(_PORTS, map(str, free_ports(len(_PORTS))), strict=True))
    home = environment.scratch / "home"
    own = {f"MESHGATE_{name}": ports[port] for port, name in _PORTS.items()}
    told = Environment(environment.folder, environment.scratch, {**own, "MESHGATE_HOME": str(home)})
    _give_pip(told, wheel)
    with ExitStack() as stack:
        stack.callback(lambda: told.run("meshgate", "down") if environments.Mesh.find(home) else None)
        yield Teller(told, ports, stack)


def _give_pip(environment: Environment, wheel: Path) -> None:
    """A `pip install` that installs the wheel and what is locked, in this environment."""
    program = (
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.path.insert(0, {str(environments.ROOT)!r})\n"
        "from pathlib import Path\n"
        "from tests.e2e.stories import pip\n"
        f"pip(Path({str(environment.folder)!r}), Path({str(wheel)!r}), sys.argv[1:])\n"
    )
    path = environment.programs / "pip"
    path.write_text(program)
    path.chmod(0o755)


def pip(folder: Path, wheel: Path, arguments: list[str]) -> None:
    """What the `pip` of a story does.

    Raises:
        SystemExit: it was asked for something else than `install NAME...`.
    """
    command, *wanted = arguments
    if command != "install" or not wanted or any(one.startswith("-") for one in wanted):
        raise SystemExit(f"a document may say 'pip install NAME...', not {shlex.join(arguments)}")
    named = [re.fullmatch(r"meshgate(?:\[([a-z,]+)\])?", one) for one in wanted]
    environments.install(
        folder,
        *(
            environments.from_wheel(wheel, own[1] or "") if own is not None else environments.locked(one)
            for own, one in zip(named, wanted, strict=True)
        ),
    )
