# One word for each chore; `make help` lists them. Needs git, make and Python 3.11 or newer (PYTHON=... chooses which).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
STAMP := .venv/stamp
export UV_SYSTEM_CERTS ?= 1

# Fetches a Consul ahead of the tests, so that it is seen; where there is none they skip with the remedy, or fail if CI is set.
CONSUL = tools/consul.sh >/dev/null || [ $$? = 3 ]

# The tests that need no process beside their own.
FAST = $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not (integration or e2e or interop or slow_servers)" \
	--ignore-glob='tests/contract/test_[!l]*'

# Further arguments: make test ARGS="-k lease -x", make faults QUICK=1, make soak FOR=60, make bench AB=v0.1.0
ARGS ?=
QUICK ?=
NEWEST ?=
AB ?=

.PHONY: help demo docs example-evolution test pythons check lint types fast test-servers mutants fuzz faults soak bench interop protos protos-check protos-baseline lock clean

help: ## list the words
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv: $(STAMP) ## the development environment, from requirements/dev.lock

$(STAMP): requirements/dev.lock requirements/uv.lock pyproject.toml tools/setup.sh
	@PYTHON="$(PYTHON)" tools/setup.sh
	@touch $@

demo: $(STAMP) ## audit this Python environment with five agents, through a gateway
	@$(BIN)/python examples/audit/run.py $(ARGS)

example-evolution: $(STAMP) ## replace releases of an agent under load, and see a breaking one refused
	@$(BIN)/python examples/evolution/run.py $(ARGS)

test: $(STAMP) ## everything that needs no server built with Go, on a real Consul (about a quarter of an hour on two cores)
	@$(CONSUL)
ifeq ($(ARGS),)
	@# What needs no other process is spread over two; the rest waits more than it works, so two of it run side by side.
	$(FAST)
	@tools/side_by_side.sh \
		'$(BIN)/python -m pytest -m "(integration or e2e) and not slow_servers" --ignore=tests/contract' \
		'$(BIN)/python -m pytest tests/contract --ignore-glob="tests/contract/test_l*"'
else
	$(BIN)/python -m pytest -m "not (slow_servers or interop)" $(ARGS)
endif

pythons: $(STAMP) ## the fast tests on every further Python that this machine has (NEWEST=1: on the newest)
	@NEWEST="$(NEWEST)" tools/pythons.sh $(ARGS)

check: lint types protos-check fast ## before each commit: lint, types, generated code, fast tests (3 minutes on two cores)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python tools/limits.py --check
	$(BIN)/python tools/docs.py --check
	$(BIN)/python tools/picture.py --check

docs: $(STAMP) ## write docs/limits.md, the tables of other pages and the picture of the tree from the code
	@$(BIN)/python tools/limits.py
	@$(BIN)/python tools/docs.py
	@$(BIN)/python tools/picture.py

types: $(STAMP)
	$(BIN)/mypy
	$(BIN)/pyright

fast: $(STAMP)
	$(FAST) $(ARGS)

test-servers: $(STAMP) ## the Consul tests on a current Consul, and traces read back from a real Jaeger (builds both with Go)
	@servers=$$(tools/servers.sh); eval "$$servers"; \
	$(BIN)/python -m pytest -m "integration or slow_servers" tests/support tests/registry tests/integration $(ARGS)

mutants: $(STAMP) ## take out each policy and guard in turn, and change small things by rule; a test must fail (ARGS=--all: also those listed as equivalent)
	@$(BIN)/python -m tests.mutants.run $(ARGS)

fuzz: $(STAMP) ## change what callers and agents may send, guided by coverage, for 60 s each parser (FOR=20: for 20 s)
	@$(BIN)/uv pip install --quiet --python .venv --require-hashes -r requirements/fuzz.lock
	@$(BIN)/python -m tests.fuzz --seconds $(or $(FOR),60) $(ARGS)

faults: $(STAMP) ## kill, stop and starve real processes, and measure what callers notice (QUICK=1: the short form)
	@$(CONSUL)
	@$(BIN)/python -m tests.faults $(if $(QUICK),--quick) $(ARGS)

soak: $(STAMP) ## honest, hostile and dying callers and agents at once, for 600 s (FOR=60: for a minute)
	@$(CONSUL)
	@$(BIN)/python -m tests.faults.soak --seconds $(or $(FOR),600)

bench: $(STAMP) ## what a call costs, beside Envoy, nginx and an agent written with a2a-sdk (AB=COMMIT: beside that commit's gateway)
ifeq ($(AB),)
	@$(BIN)/uv pip install --quiet --python .venv --require-hashes -r requirements/bench.lock
	@$(BIN)/python -m bench $(ARGS)
else
	@$(BIN)/python -m bench --ab $(AB) $(ARGS)
endif

interop: $(STAMP) ## the built wheel, from outside, with clients and agents that are not ours
	@$(BIN)/python -m pytest -m "e2e or interop" tests/e2e tests/interop $(ARGS)

protos: $(STAMP) ## generate the code beside the .proto files
	@tools/protos.sh

protos-check: $(STAMP) ## generated code is current, schemas pass lint and stay compatible
	@tools/protos.sh --check

protos-baseline: $(STAMP) ## make the schemas of today the baseline (at a release)
	@tools/protos.sh --baseline

lock: ## resolve the lock files in requirements again (ARGS=--upgrade for newer versions)
	@tools/lock.sh $(ARGS)

clean: ## remove what these words made, the cached servers excepted
	@rm -rf .venv .venv-* build dist .fuzz .mypy_cache .pytest_cache .import_linter_cache .hypothesis
	@find . \( -name __pycache__ -o -name .ruff_cache \) -not -path './.git/*' -prune -exec rm -rf {} +
