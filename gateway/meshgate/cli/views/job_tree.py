"""The view of a job: a tree of its calls, with where each went, why, what it cost, and what was refused."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree as RichTree

from meshgate.cli.console import plain
from meshgate.cli.views.model import Attempt, Call, Node, Tree, Usage
from meshgate.cli.views.tables import seconds

__all__ = ["job_view"]

_STYLES = {"done": "green", "open": "cyan", "failed": "red", "refused": "bold red", "cancelled": "yellow"}
_WORDS = {"open": "running"}


def job_view(tree: Tree) -> RenderableType:
    """The tree of calls under a line with the job's totals."""
    root = RichTree(_head(tree), guide_style="dim")
    for node in tree.roots:
        _add(root, node)
    if not tree.roots:
        root.add(Text("its calls are no longer on record", "dim"))
    return root


def _add(parent: RichTree, node: Node) -> None:
    branch = parent.add(_call(node.call))
    for child in node.children:
        _add(branch, child)


def _state(call: Call) -> str:
    state = plain(call.task_state.removeprefix("TASK_STATE_").lower().replace("_", "-"))
    return "cancelled" if state == "canceled" else state


def _outcome(call: Call) -> Text:
    # A call that delivered a task's failure is done, but people want to read that the task failed.
    if call.outcome == "done" and _state(call) in ("failed", "rejected", "cancelled"):
        return Text(f"task {_state(call)}", _STYLES.get(_state(call), "red"))
    return Text(_WORDS.get(call.outcome, call.outcome), _STYLES.get(call.outcome, ""))


def _head(tree: Tree) -> Text:
    job = tree.job
    line = Text.assemble("job ", (plain(job.id), "bold"), "  ")
    if any(call.outcome == "open" for call in _calls(tree)):
        line.append("running", "cyan")
        line.append(f" for {seconds(job.age)}")
    elif tree.roots:
        first = tree.roots[0].call
        line.append_text(_outcome(first))
        line.append(f" in {seconds(_span(tree))}")
    facts = [f"{job.used}/{job.call_limit} calls", f"{seconds(job.seconds)} allowed"]
    facts += [f"{count} {word}" for count, word in ((tree.refused, "refused"), (tree.failed, "failed")) if count]
    facts += _usage(Usage(tree.input_tokens, tree.output_tokens, tree.cost_usd))
    if job.principal:
        facts.append(f"for {plain(job.principal)}")
    if len(tree.gateways) > 1:
        facts.append(f"over {len(tree.gateways)} gateways")
    line.append("\n" + ", ".join(facts), "dim")
    return line


def _calls(tree: Tree) -> Iterator[Call]:
    waiting = list(tree.roots)
    while waiting:
        node = waiting.pop()
        yield node.call
        waiting.extend(node.children)


def _span(tree: Tree) -> float:
    calls = list(_calls(tree))
    return max(call.started + (call.duration or 0.0) for call in calls) - min(call.started for call in calls)


def _usage(usage: Usage | None) -> list[str]:
    if usage is None:
        return []
    facts = [f"${usage.cost_usd:.4f}"] if usage.cost_usd else []
    if usage.input_tokens or usage.output_tokens:
        facts.append(f"{usage.input_tokens}+{usage.output_tokens} tokens")
    if usage.tool_calls:
        facts.append(f"{usage.tool_calls} tool calls")
    return facts


def _call(call: Call) -> Text:
    name = f"{call.agent}.{call.skill}@{call.version}" if call.agent else call.selector or call.method
    line = Text.assemble((plain(name), "bold"), "  ")
    line.append_text(_outcome(call))
    facts = [seconds(call.duration), *_usage(call.usage)]
    if _state(call) in ("input-required", "auth-required"):
        facts.append(f"task {_state(call)}")
    line.append("  " + ", ".join(facts))
    if call.outcome in ("failed", "refused") and (call.code or call.message):
        line.append("\n" + plain(f"{call.code}: {call.message}" if call.message else call.code), "red")
    for text in _ways(call):
        line.append("\n" + plain(text), "dim")
    return line


def _ways(call: Call) -> Iterator[str]:
    """The route of a call, with its reasons."""
    asked = call.selector if call.selector not in ("", call.agent) else ""
    came = f"{call.method} over {call.binding}" + (f" to {asked}" if asked else "")
    yield came + (f" ({call.reason})" if call.reason else "")
    if call.inferred:
        seen = "that its agent had answered" if call.inferred == "after" else "in flight"
        yield f"no token came with it: its parent was worked out from the calls {seen}"
    if len(call.attempts) == 1:
        yield _attempt(call.attempts[0], alone=True)
        return
    for number, attempt in enumerate(call.attempts, 1):
        yield f"try {number}: " + _attempt(attempt, alone=False)
    if not call.attempts and call.instance:
        yield f"→ {call.instance}"


def _attempt(attempt: Attempt, *, alone: bool) -> str:
    text = f"→ {attempt.instance} over {attempt.binding}"
    if attempt.reason:
        text += f", {attempt.reason}"
    if alone and attempt.outcome in ("done", "open"):
        return text
    code = f" {attempt.code}" if attempt.code else ""
    return f"{text}: {_WORDS.get(attempt.outcome, attempt.outcome)}{code} after {seconds(attempt.duration)}"
