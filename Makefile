# tradingd, from a fresh clone: everything below prepares .venv by itself, with Python >= 3.11 and nothing else.
# The environment is what requirements-dev.txt says, hash by hash; uv installs it, the one on PATH or one put into .venv.
# What must not be installed with it, since its dependencies conflict with ours, has one of its own beside it.

UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CLIENTS := .venv-clients
JOBS ?= 2
FOR ?= 90

find_uv = if command -v uv >/dev/null; then uv=uv; else uv=$(BIN)/uv; fi

.DEFAULT_GOAL := help
.PHONY: help demo test system clients lint types parity bench fuzz requirements

help: ## List these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-13s %s\n", $$1, $$2 }'

demo: $(READY) ## Trade a made-up market on paper, on this machine alone (FOR=90 seconds; FOR=0: until Ctrl-C)
	@$(BIN)/tradingd demo --for $(FOR)

test: $(READY) ## Run the test suite (JOBS=2 processes)
	@$(BIN)/pytest -n $(JOBS) --dist worksteal --ignore tests/daemon

system: $(READY) clients ## Test the real processes: venue, daemon, Redis, demo, reloads, a whole day over sockets
	@$(BIN)/pytest -n $(JOBS) --dist worksteal tests/daemon

clients: $(CLIENTS)/.ready ## Prepare the official clients that judge the simulated exchange, apart in .venv-clients

lint: $(READY) ## Check style, format and the import walls
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(READY) ## Check types, strictly
	@$(BIN)/mypy

parity: $(READY) ## Show that equal input gives equal commands, byte for byte
	@$(BIN)/pytest -n $(JOBS) tests/parity

bench: $(READY) ## Measure speed and memory
	@$(BIN)/python bench/run.py

fuzz: $(READY) ## Run the property tests on many more random cases, a new seed each time, and outages of a full minute
	@HYPOTHESIS_PROFILE=fuzz OUTAGE_S=60 $(BIN)/pytest -n $(JOBS) --dist worksteal \
		tests/properties tests/daemon/test_paper_cases.py tests/daemon/test_redis_outage.py

requirements: $(READY) ## Compile the pinned requirements from pyproject.toml anew
	@set -eu; $(find_uv); export UV_CUSTOM_COMPILE_COMMAND="make requirements"; \
	compile="$$uv pip compile --universal --python-version 3.11 --generate-hashes --upgrade --quiet"; \
	$$compile pyproject.toml --output-file requirements.txt; \
	$$compile pyproject.toml --output-file requirements-dev.txt --group dev --constraint requirements.txt; \
	$$compile --group clients --output-file requirements-clients.txt

$(READY): requirements-dev.txt pyproject.toml tradingd/__init__.py
	@set -eu; \
	if [ ! -x $(BIN)/python ]; then \
		for candidate in python3.11 python3 python; do \
			if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
		done; \
		if [ -z "$${python:-}" ]; then echo "tradingd needs Python 3.11 or newer, as python3.11 or python3 on PATH" >&2; exit 1; fi; \
		echo "Preparing $(VENV) with $$($$python --version)"; \
		if command -v uv >/dev/null; then uv venv --quiet --python "$$(command -v $$python)" $(VENV); \
		else $$python -m venv $(VENV); fi; \
	fi; \
	if ! command -v uv >/dev/null && [ ! -x $(BIN)/uv ]; then $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"; fi; \
	$(find_uv); \
	$$uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements-dev.txt; \
	$$uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .; \
	touch $@

$(CLIENTS)/.ready: requirements-clients.txt | $(READY)
	@set -eu; $(find_uv); \
	$$uv venv --quiet --clear --python $(BIN)/python $(CLIENTS); \
	$$uv pip install --quiet --python $(CLIENTS)/bin/python --require-hashes --requirement $<; \
	touch $@
