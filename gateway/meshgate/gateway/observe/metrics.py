"""The metrics of one gateway, for Prometheus.

Counters are plain numbers in dicts, because the event loop alone adds to them: 0.2 µs each, where a counter of
prometheus_client costs 0.4 and a histogram 1.0, under locks that nobody contends for. They become prometheus_client's
metrics only when they are read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from meshgate.a2a.limits import DEFAULTS
from meshgate.gateway.policy import Counts

__all__ = ["BOUNDS", "CONTENT_TYPE", "OTHER", "Metrics", "merge_metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of ``Metrics.render``."""
OTHER = "other"
"""The agent under which further agents are counted once there are too many."""
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
"""Upper ends of the histogram's buckets, in seconds: from the gateway's own cost to the longest job."""
_LABELS = [*map(str, BOUNDS), "+Inf"]


class _Seconds:
    """A histogram: how many values fell in each bucket, and their sum."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.buckets[bisect_left(BOUNDS, value)] += 1
        self.total += value


def _nothing() -> float:
    return 0.0


def _no_states() -> Mapping[str, int]:
    return {}


class Metrics(Collector):
    """The numbers of one gateway, in a registry of its own. To be used from its event loop alone.

    Args:
        agents: how many agents have numbers of their own. Their names come from the registry.
    """

    def __init__(self, agents: int = DEFAULTS.metric_agents) -> None:
        self._room = agents
        self._names: dict[str, str] = {"": "", OTHER: OTHER}
        self._calls: defaultdict[tuple[str, str, str, str, str], int] = defaultdict(int)
        self._seconds: defaultdict[str, _Seconds] = defaultdict(_Seconds)
        self.policies = Counts()
        """Calls that each policy let pass or refused: (its name, "pass" or "refuse")."""
        self._attempts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._unauthenticated: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._retries = self._unknown = self._invalid = 0
        self._after: defaultdict[str, int] = defaultdict(int)
        self._cut: defaultdict[str, int] = defaultdict(int)
        self._corrected: defaultdict[str, int] = defaultdict(int)
        self._unproven: defaultdict[str, int] = defaultdict(int)
        self._dropped: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._pushed: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._called_back: defaultdict[tuple[str], int] = defaultdict(int)
        self._stale: Callable[[], float] = _nothing
        self._open: Callable[[], float] = _nothing
        self._endpoints: Callable[[], Mapping[str, int]] = _no_states
        self._subjects: Callable[[], float] = _nothing
        self._degraded: Callable[[], float] = _nothing
        self._passed_over: Callable[[], Mapping[str, int]] = _no_states
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def watch(
        self,
        *,
        stale_seconds: Callable[[], float] | None = None,
        open_calls: Callable[[], float] | None = None,
        endpoints: Callable[[], Mapping[str, int]] | None = None,
        subjects: Callable[[], float] | None = None,
        passed_over: Callable[[], Mapping[str, int]] | None = None,
        degraded: Callable[[], float] | None = None,
    ) -> None:
        """Set the functions that are called whenever the metrics are read.

        Args:
            stale_seconds: for how long the registry has been out of reach.
            open_calls: how many calls are open.
            endpoints: how many endpoints there are in each state.
            subjects: how many skills have a contract that is known here.
            passed_over: how many rows of the registry are passed over, by reason.
            degraded: how many things are wrong with a gateway that takes calls all the same.
        """
        self._stale = stale_seconds or self._stale
        self._open = open_calls or self._open
        self._endpoints = endpoints or self._endpoints
        self._subjects = subjects or self._subjects
        self._passed_over = passed_over or self._passed_over
        self._degraded = degraded or self._degraded

    # --- counting ---

    def call(self, agent: str, method: str, binding: str, outcome: str, seconds: float, task: str = "") -> None:
        """Count a call that ended ``seconds`` after it came.

        Args:
            agent: "" if it was refused before it had one.
            task: what became of its task, "" if it had none.
        """
        agent = self._names.get(agent) or self._name(agent)
        self._calls[agent, method, binding, outcome, task] += 1
        self._seconds[agent].add(seconds)

    def attempt(self, agent: str, outcome: str) -> None:
        """Count an attempt of a call on one endpoint."""
        self._attempts[self._names.get(agent) or self._name(agent), outcome] += 1

    def stream_cut(self, agent: str) -> None:
        """Count a stream that ended before its task did."""
        self._cut[self._names.get(agent) or self._name(agent)] += 1

    def stream_dropped(self, agent: str, why: str) -> None:
        """Count an event of a stream that was not passed on: of ``other_task``, or ``after_end``."""
        self._dropped[self._names.get(agent) or self._name(agent), why] += 1

    def answer_corrected(self, agent: str) -> None:
        """Count an answer, or an event, with a value that one of the bindings has no form for."""
        self._corrected[self._names.get(agent) or self._name(agent)] += 1

    def task_dropped(self, agent: str) -> None:
        """Count a task that an agent listed and that nothing shows to be the caller's."""
        self._unproven[self._names.get(agent) or self._name(agent)] += 1

    def pushed(self, agent: str, outcome: str) -> None:
        """Count a push notification by how it ended (``PushSender``)."""
        self._pushed[self._names.get(agent) or self._name(agent), outcome] += 1

    def called_back(self, what: str) -> None:
        """Count an agent's notification that was ``taken``, ``dropped``, or ``unreadable``."""
        self._called_back[(what,)] += 1

    def unauthenticated(self, binding: str, why: str) -> None:
        """Count a request whose credential is ``missing``, ``unknown``, ``ended`` or ``denied``."""
        self._unauthenticated[binding, why] += 1

    def retry(self) -> None:
        """Count a retry."""
        self._retries += 1

    def lineage_unknown(self) -> None:
        """Count a call that an agent made without a token while no call in flight could be its parent."""
        self._unknown += 1

    def lineage_after(self, agent: str) -> None:
        """Count a call that an agent made, without a token, after it had answered every call it knew of."""
        self._after[self._names.get(agent) or self._name(agent)] += 1

    def lineage_invalid(self) -> None:
        """Count a lineage token that was forged, or was another agent's."""
        self._invalid += 1

    def _name(self, agent: str) -> str:
        """The name under which an agent is counted; the first ones keep theirs."""
        if agent in self._names:
            return self._names[agent]
        if self._room <= 0:
            return OTHER
        self._room -= 1
        self._names[agent] = agent
        return agent

    # --- reading ---

    def render(self) -> bytes:
        """All metrics in Prometheus' text format, to be served as ``CONTENT_TYPE``."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The metrics as prometheus_client has them; for its registries."""
        yield _counted(
            "meshgate_calls",
            "Calls by outcome (done, failed, refused, cancelled) and by what became of their task.",
            ("agent", "method", "binding", "outcome", "task"),
            self._calls.items(),
        )
        yield _counted(
            "meshgate_policy",
            "Calls by decision of a policy: pass, refuse.",
            ("policy", "decision"),
            [(seen, count) for seen, (count,) in self.policies.items() if count],
        )
        yield _counted(
            "meshgate_attempts",
            "Tries by outcome: done, answered (with an error), failed, cancelled.",
            ("agent", "outcome"),
            self._attempts.items(),
        )
        yield _counted(
            "meshgate_unauthenticated",
            "Requests without a valid key, by why: missing, unknown, ended, denied. Nothing of their bodies is read.",
            ("binding", "why"),
            self._unauthenticated.items(),
        )
        yield from (self._histogram(), *self._streams(), *self._lineages(), *self._gauges())

    def _streams(self) -> Iterator[CounterMetricFamily]:
        yield _counted(
            "meshgate_streams_cut", "Streams of agents that ended before their task did.", ("agent",), self._cut.items()
        )
        yield _counted(
            "meshgate_stream_events_dropped",
            "Events of agents that were not passed on: of another task than the stream's, or after its end.",
            ("agent", "reason"),
            self._dropped.items(),
        )
        yield _counted(
            "meshgate_answers_corrected",
            "Answers and events of agents with a timestamp without a zone, or another value that had to be corrected.",
            ("agent",),
            self._corrected.items(),
        )
        yield _counted(
            "meshgate_listed_tasks_dropped",
            "Tasks that agents listed with a label that was not made for their caller, and that are shown to nobody.",
            ("agent",),
            self._unproven.items(),
        )
        yield _counted(
            "meshgate_push_notifications",
            "Push notifications, by how they ended: sent, refused by their receiver, failed, forbidden (the address).",
            ("agent", "outcome"),
            self._pushed.items(),
        )
        yield _counted(
            "meshgate_push_callbacks",
            "Notifications of agents to this gateway: taken, dropped because nobody waits for them, or unreadable.",
            ("what",),
            self._called_back.items(),
        )
        yield CounterMetricFamily("meshgate_retries", "Tries of a call beyond its first.", value=self._retries)

    def _lineages(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(
            "meshgate_lineage_unknown", "Calls of agents for which no parent is known.", value=self._unknown
        )
        yield _counted(
            "meshgate_lineage_after",
            "Calls of agents, without a token, whose parent is a call that the agent had answered.",
            ("agent",),
            self._after.items(),
        )
        yield CounterMetricFamily(
            "meshgate_lineage_invalid",
            "Lineage tokens that were forged or another agent's.",
            value=self._invalid,
        )

    def _histogram(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(
            "meshgate_call_seconds", "Seconds from a call's start to its end.", labels=["agent"]
        )
        for agent, seconds in self._seconds.items():
            buckets = list(zip(_LABELS, accumulate(seconds.buckets), strict=True))
            family.add_metric([agent], buckets, seconds.total)
        return family

    def _gauges(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(
            "meshgate_registry_stale_seconds",
            "Seconds for which the registry has not answered.",
            value=self._stale(),
        )
        passed_over = GaugeMetricFamily(
            "meshgate_registry_passed_over",
            "Rows of the registry that this gateway cannot use, by reason.",
            labels=["reason"],
        )
        for reason, count in self._passed_over().items():
            passed_over.add_metric([reason], count)
        yield passed_over
        yield GaugeMetricFamily(
            "meshgate_degraded",
            "Things that are wrong although calls are taken; /readyz names them.",
            value=self._degraded(),
        )
        yield GaugeMetricFamily("meshgate_open_calls", "Calls that are open.", value=self._open())
        endpoints = GaugeMetricFamily(
            "meshgate_endpoints",
            "Instances by state: closed, open, half-open, unhealthy.",
            labels=["state"],
        )
        for state, count in self._endpoints().items():
            endpoints.add_metric([state], count)
        yield endpoints
        yield GaugeMetricFamily(
            "meshgate_schema_subjects", "Skills whose contract this gateway knows.", value=self._subjects()
        )


def _counted(
    name: str, about: str, labels: Sequence[str], counts: Iterable[tuple[str | tuple[str, ...], int]]
) -> CounterMetricFamily:
    """A counter with labels: the counts by the values of the labels, or by the value of the only one."""
    family = CounterMetricFamily(name, about, labels=labels)
    for key, count in counts:
        family.add_metric((key,) if isinstance(key, str) else key, count)
    return family


def merge_metrics(texts: Mapping[str, str]) -> bytes:
    """The expositions of several gateways as one, each series with the label ``gateway`` that tells them apart.

    Prometheus' text format wants all series of a family together, below one HELP and one TYPE line.
    """
    families: dict[str, tuple[list[str], list[str]]] = {}
    for gateway, text in texts.items():
        about, series = families.setdefault("", ([], []))
        for line in text.splitlines():
            if line.startswith("# HELP "):
                about, series = families.setdefault(line.split(" ", 3)[2], ([], []))
            if line.startswith("#"):
                if line not in about:
                    about.append(line)
            elif line:
                series.append(_labelled(line, gateway))
    lines = [line for about, series in families.values() for line in (*about, *series)]
    return ("\n".join(lines) + "\n").encode()


def _labelled(line: str, gateway: str) -> str:
    name, brace, rest = line.partition("{")
    if brace:
        return f'{name}{{gateway="{gateway}",{rest}'
    name, _, value = line.partition(" ")
    return f'{name}{{gateway="{gateway}"}} {value}'
