"""Small changes that no test can notice, or should not, each with the reason. ``make mutants`` leaves them out;
``make mutants ARGS=--all`` tries them, and fails if a test notices one after all.
"""

from __future__ import annotations

__all__ = ["EQUIVALENT"]

_GATEWAY = "gateway/meshgate/gateway/"
_MESH = "sdk/meshgate/a2a/mesh/"
_LOOP_ASKS_AGAIN = "the loop is entered for nothing: its body asks for the same bound again, and leaves"
_ONE_MORE = "one more entry of a memory that is bounded either way"
_COMPARED = "generations are only compared for being the same, and no permit of the other number is out"
_SHORTCUT = "a shortcut: what follows gives the same, at a higher cost"
_BOUND = "no time falls on the bound, which is a tolerance"
_ALWAYS_LATER = "the clock of a machine that runs is past the first second"
_PADDING = "base64 is decoded alike with more padding than it needs"
_FOR_TYPES = "cannot happen; it tells the type checkers that there is a loop"
_BREAKER = f"{_GATEWAY}upstream/breaker.py Breaker."
_SCHEMA = f"{_GATEWAY}policies/call/schema.py Schema."

EQUIVALENT: dict[str, str] = {
    f"{_GATEWAY}discovery/agent_entry.py AgentEntry.queries: "
    "len(found) < _FEWEST_QUERIES -> len(found) <= _FEWEST_QUERIES": _SHORTCUT,
    f"{_GATEWAY}discovery/agent_list.py _KEPT: _KEPT = 50000 -> _KEPT = 50001": _ONE_MORE,
    f"{_GATEWAY}discovery/agent_list.py AgentList.index: "
    "if found.index is not None: return found.index -> pass": _SHORTCUT,
    f"{_GATEWAY}discovery/word_index.py _KEPT: _KEPT = 20000 -> _KEPT = 20001": _ONE_MORE,
    f"{_GATEWAY}discovery/word_index.py _AT_ONCE: _AT_ONCE = 100 -> _AT_ONCE = 101": _ONE_MORE,
    f"{_GATEWAY}discovery/word_index.py WordIndex.find: "
    "self._length / every if self._length else 1.0 -> self._length / every if self._length else 2.0": (
        "where no agent has a word none is found, whatever is said of their length"
    ),
    f"{_GATEWAY}discovery/requests.py _digest: digest_size=6 -> digest_size=7": (
        "a digest is only compared for being the same"
    ),
    f"{_GATEWAY}jobs/accounts.py MemoryAccounts._keep: "
    "len(accounts) > self._limits.records -> len(accounts) >= self._limits.records": _LOOP_ASKS_AGAIN,
    f"{_GATEWAY}jobs/accounts.py MemoryAccounts._keep: "
    "next(iter(accounts.values())).began < oldest -> next(iter(accounts.values())).began <= oldest": _LOOP_ASKS_AGAIN,
    f"{_GATEWAY}observe/records.py Records._keep: "
    "len(self._jobs) > self._limits.records -> len(self._jobs) >= self._limits.records": _LOOP_ASKS_AGAIN,
    f"{_GATEWAY}observe/records.py Records._keep: "
    "next(iter(self._jobs.values())).began < oldest -> next(iter(self._jobs.values())).began <= oldest": (
        _LOOP_ASKS_AGAIN
    ),
    f"{_GATEWAY}jobs/in_flight.py InFlight._keep: "
    "next(iter(kept.values())).deadline < self._clock() -> next(iter(kept.values())).deadline <= self._clock()": (
        "at its very deadline a call is no parent any more: find leaves it out whether it is kept or not"
    ),
    f"{_GATEWAY}jobs/rates.py Rates.take: self._full.get(key, 0.0) -> self._full.get(key, 1.0)": _ALWAYS_LATER,
    f"{_GATEWAY}jobs/rates.py Rates.take: wait > _ROUNDING -> wait >= _ROUNDING": (
        "the bound is there for errors of rounding: no call is meant to be at it"
    ),
    f"{_GATEWAY}jobs/rates.py Rates.__init__: self._share(1) -> self._share(2)": (
        "the share is computed again when a call finds another number of gateways"
    ),
    f"{_MESH}context_ids.py ContextTags.made_by: if SEPARATOR not in context: return False -> pass": _SHORTCUT,
    f"{_GATEWAY}ingress/callbacks.py Callbacks._answer: unread = 0.0 -> unread = 1.0": (
        "an answer is the same before a byte that is unread as before none: a few are skipped"
    ),
    f"{_GATEWAY}upstream/shared_streams.py _OwnAttempt.__setattr__: name == 'heard' -> name != 'heard'": (
        "what is heard is handed on with the next attribute that is set, which is as the wait ends"
    ),
    f"{_GATEWAY}upstream/ids.py AttemptIds._check_length: 4 * len(upstream) > MAX_ID -> 4 * len(upstream) >= MAX_ID": (
        _SHORTCUT
    ),
    f"{_GATEWAY}upstream/ids.py AttemptIds._check_length: 4 * len(upstream) -> 5 * len(upstream)": _SHORTCUT,
    f"{_GATEWAY}policies/arrival/lineage.py read_budget: if not text: return (calls, seconds) -> pass": _SHORTCUT,
    f"{_GATEWAY}policies/arrival/trace.py Trace.saw: if not self._open: return -> pass": _SHORTCUT,
    f"{_GATEWAY}policies/call/budget.py Budget.__call__: "
    "account.deadline < call.deadline -> account.deadline <= call.deadline": "replaces a deadline by one that is equal",
    f"{_GATEWAY}policies/call/kill.py Kill.admit: if not switches: return call -> pass": _SHORTCUT,
    f"{_SCHEMA}prefer: "
    "len({(route.agent, route.skill) for route in routes}) > 1 -> "
    "len({(route.agent, route.skill) for route in routes}) >= 1": (
        "routes of one skill know the same types, so none of them comes first"
    ),
    f"{_SCHEMA}__call__: if known is None and (not route.contract): return forward(call) -> pass": _SHORTCUT,
    f"{_SCHEMA}_negotiate: (False, _NO_PARTS) -> (True, _NO_PARTS)": (
        "read only where there are parts, and then it has been set"
    ),
    f"{_SCHEMA}_input: if not changed: return call -> pass": _SHORTCUT,
    f"{_SCHEMA}_converter: if kept is not None: return kept -> pass": _SHORTCUT,
    f"{_SCHEMA}prefer: len(routes) < 2 -> len(routes) < 0": _SHORTCUT,
    f"{_GATEWAY}routing/balance.py Balance._pick: first.load() <= second.load() -> first.load() < second.load()": (
        "of two that are loaded alike, taken at random, either may be chosen"
    ),
    f"{_GATEWAY}routing/resolve.py Resolve._best: if len(routes) == 1: return routes[0] -> pass": _SHORTCUT,
    f"{_GATEWAY}routing/routes.py _CACHE: _CACHE = 10000 -> _CACHE = 10001": _ONE_MORE,
    f"{_GATEWAY}routing/routes.py Routes.__init__: (-1, -1) -> (-2, -1)": ("any number that is no revision"),
    f"{_GATEWAY}routing/routes.py Routes.__init__: (-1, -1) -> (-1, -2)": ("any number that is no revision"),
    f"{_BREAKER}__init__: throw_new_error_on_trip=False -> throw_new_error_on_trip=True": (
        "what pybreaker raises is suppressed, whichever error it is"
    ),
    f"{_BREAKER}__init__: self._generation = 0 -> self._generation = 1": _COMPARED,
    f"{_BREAKER}__init__: self._probing = False -> self._probing = True": (
        "read only after the breaker has opened, which sets it"
    ),
    f"{_BREAKER}__init__: self._failing = False -> self._failing = True": _SHORTCUT,
    f"{_BREAKER}__init__: self._opened = 0.0 -> self._opened = 1.0": _ALWAYS_LATER,
    f"{_BREAKER}__init__: self._wait = 0.0 -> self._wait = 1.0": _ALWAYS_LATER,
    f"{_BREAKER}ready: if not self._failing: return True -> pass": _SHORTCUT,
    f"{_BREAKER}ready: if state == pybreaker.STATE_CLOSED: return True -> pass": _SHORTCUT,
    f"{_BREAKER}enter: if not self._failing or self._state.current_state == pybreaker.STATE_CLOSED: "
    "return self._generation -> pass": _SHORTCUT,
    f"{_BREAKER}enter: not self._failing or self._state.current_state == pybreaker.STATE_CLOSED -> "
    "not self._failing and self._state.current_state == pybreaker.STATE_CLOSED": _SHORTCUT,
    f"{_BREAKER}enter: self._generation += 1 -> self._generation += 2": _COMPARED,
    f"{_BREAKER}leave: self._failing = False -> self._failing = True": _SHORTCUT,
    f"{_BREAKER}_fail: if probe: return -> pass": (
        "the breaker is open by then and its counts are empty: what follows changes nothing"
    ),
    f"{_BREAKER}_fail: reraise=False -> reraise=True": "what pybreaker raises is suppressed, whichever error it is",
    f"{_BREAKER}_opening: self._generation += 1 -> self._generation += 2": _COMPARED,
    f"{_BREAKER}_close: self._generation += 1 -> self._generation -= 1": _COMPARED,
    f"{_BREAKER}_close: self._generation += 1 -> self._generation += 2": _COMPARED,
    f"{_GATEWAY}policies/attempt/hang_detection.py HangDetection._hangs: (0, -math.inf, 0.0) -> (0, -math.inf, 1.0)": (
        "before the first question any pause is over"
    ),
    f"{_GATEWAY}policies/attempt/hang_detection.py HangDetection._hangs: max(heard) + self._limits.silence > "
    "asked + self._early -> max(heard) + self._limits.silence >= asked + self._early": _BOUND,
    f"{_GATEWAY}policies/attempt/hang_detection.py HangDetection._hangs: now < asked + pause - self._early -> "
    "now <= asked + pause - self._early": _BOUND,
    f"{_GATEWAY}upstream/health.py HealthChecks.run: "
    "self._due.get(each.id, 0.0) -> self._due.get(each.id, 1.0)": _ALWAYS_LATER,
    f"{_GATEWAY}upstream/instance.py Instance.observe: seconds > self._latency -> seconds >= self._latency": (
        "a sample like the estimate leaves it as it is, by either formula"
    ),
    f"{_MESH}lineage_tokens.py verify: parts[2] -> parts[3] #2": _PADDING,
    f"{_MESH}lineage_tokens.py verify: parts[2] -> parts[0] #2": _PADDING,
    f"{_MESH}task_ids.py TaskTags.__init__: maxsize=16384 -> maxsize=16385": _ONE_MORE,
    f"{_MESH}task_ids.py TaskTags.__init__: maxsize=16384 -> maxsize=0": _SHORTCUT,
    f"{_GATEWAY}tasks/known_task.py place_at: own > of -> own >= of": "where the two are one, it has returned before",
    f"{_GATEWAY}tasks/known_task.py TaskQuery.digest: digest_size=8 -> digest_size=9": (
        "a longer hash tells questions apart as well"
    ),
    f"{_MESH}task_labels.py TaskLabels.__init__: maxsize=4096 -> maxsize=4097": _ONE_MORE,
    f"{_MESH}task_labels.py TaskLabels.__init__: maxsize=4096 -> maxsize=0": _SHORTCUT,
    "sdk/meshgate/net/timer_queue.py TimerQueue.start: "
    "if loop is None: raise RuntimeError('a timeout needs a running event loop') -> pass": _FOR_TYPES,
    "sdk/meshgate/net/timer_queue.py TimerQueue._ring: if loop is None: return -> pass": _FOR_TYPES,
}
"""From the file and the change to the reason."""
