# Words of this project; a bare `make` lists them. Each one sets up what it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV ?= .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

help: ## list these words
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) engine ## virtual environment, packages, container engine and base image where possible

$(STAMP): pyproject.toml
	@scripts/venv.sh $(VENV)
	@touch $@

engine: $(STAMP)
	@scripts/engine.sh start

check: $(STAMP) ## format, lint, types and the law of the house; changes no file
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

unit: $(STAMP) ## fast tests: no disk, no engine
	$(PY) -m pytest tests/unit

test: setup check ## every test: unit, integration, interop, real containers, pages
	@scripts/test-tools.sh
	$(PY) -m pytest tests

e2e: setup ## whole tasks in real containers, and pages in a real browser
	@scripts/test-tools.sh
	$(PY) -m pytest tests/e2e

chaos: setup ## kill agents, containers and connections of real tasks, then count (CHAOS_SECONDS=180 SEED=1)
	$(PY) -m tests.chaos --seconds $(or $(CHAOS_SECONDS),180) --seed $(or $(SEED),1)

endurance: $(STAMP) ## a day in miniature: many lines, many tasks, nothing grows (LINES=10000000 TASKS=500)
	$(PY) -m tests.chaos.endurance --lines $(or $(LINES),10000000) --tasks $(or $(TASKS),500)

bench: setup ## ratios against peers and limits, with their spread
	$(PY) -m benchmarks

demo: $(STAMP) ## train, look, predict: the main job on the sample project (AGENT_ENGINE=process without Docker)
	@$(PY) scripts/demo.py

up: $(STAMP) ## the web page and an agent on this machine
	$(VENV)/bin/agent up

clean: ## remove what the words above made here
	rm -rf .venv .build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.PHONY: help setup engine check unit test e2e chaos endurance bench demo up clean
