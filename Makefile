# Targets of this project; `make` without a target lists them. Each target installs what it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV ?= .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
unexport PYTHONDONTWRITEBYTECODE # where a machine sets it, each command would compile all its modules again

help: ## list these targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) engine ## virtual environment, packages, container engine and base image where possible

$(STAMP): pyproject.toml
	@scripts/venv.sh $(VENV)
	@touch $@

engine: $(STAMP)
	@scripts/engine.sh start

check: $(STAMP) ## format, lint, types, import laws, browser code; changes no file
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	MYPYPATH=plugin_example/detection/src $(VENV)/bin/mypy --cache-dir .mypy_cache/detection plugin_example/detection/src/*.py
	$(VENV)/bin/lint-imports
	$(PY) -m tests.support.sdk_matrix language
	@scripts/browser-code.sh

unit: $(STAMP) ## fast tests: no disk, no engine
	$(PY) -m pytest tests/unit

test: ## check, then all tests: unit, integration, interop, containers, pages (WORKERS=3)
	@scripts/test.sh

sdk-matrix: $(STAMP) ## the SDK's tests on every Python of this machine, with the oldest and the newest packages
	$(PY) -m tests.support.sdk_matrix

e2e: setup ## whole tasks in real containers, and pages in a real browser
	@scripts/browser-code.sh packages
	@scripts/test-prepare.sh
	$(PY) -m pytest tests/e2e

e2e-user: setup ## the same with an agent that is not root: an ordinary user in the group docker, made for it (ARGS="tests/e2e -q")
	@scripts/browser-code.sh packages
	@scripts/test-prepare.sh
	$(PY) -m tests.support.ordinary_user $(or $(ARGS),tests/e2e -q)

chaos: setup ## kill agents, containers and connections of real tasks, then count (CHAOS_SECONDS=180 SEED=1 CLUSTER=kubernetes or slurm AWAY=store=120)
	$(PY) -m tests.chaos --seconds $(or $(CHAOS_SECONDS),180) --seed $(or $(SEED),1) $(if $(CLUSTER),--cluster $(CLUSTER)) $(if $(AWAY),--away $(AWAY))

fuzz: $(STAMP) ## random input for API, archives, images, annotations, log lines and the protocol of original agents, then the figures (SECONDS=600 SEED=1)
	$(PY) -m tests.chaos.fuzz --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

endurance: $(STAMP) ## many lines, many tasks; memory, files and threads must not grow (LINES=10000000 TASKS=500)
	$(PY) -m tests.chaos.endurance --lines $(or $(LINES),10000000) --tasks $(or $(TASKS),500)

bench: setup ## ratios against peers and limits, with their spread; remakes docs/reference/figures.md
	$(PY) -m benchmarks --figures

cluster-slurm: ## start a Slurm cluster of two nodes on this machine, for tests (ARGS=stop ends it, ARGS=status shows it)
	@scripts/cluster-slurm.sh $(or $(ARGS),start)

cluster-kubernetes: ## start a Kubernetes cluster of two nodes on this machine, for tests (ARGS=build makes its programs first, ARGS=stop ends it)
	@scripts/cluster-kubernetes.sh $(or $(ARGS),start)

demo: $(STAMP) ## train and predict on a sample project (AGENT_ENGINE=process without Docker; CLUSTER=slurm or kubernetes)
	@PYTHONPATH=. CLUSTER=$(CLUSTER) $(PY) scripts/demo.py

docs: $(STAMP) ## build the documentation as a site in .build/site; every link is checked
	$(PY) -m sphinx --fail-on-warning --nitpicky --fresh-env --quiet -d .build/site-cache docs .build/site
	@echo "open .build/site/index.html"

pictures: $(STAMP) ## take the README's pictures of the tasks of `make demo`
	@PYTHONPATH=. $(PY) scripts/pictures.py

up: $(STAMP) ## start the web and an agent on this machine
	$(VENV)/bin/agent up

clean: ## remove what these targets made in this folder
	rm -rf .venv .build node_modules *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.PHONY: help setup engine check unit test sdk-matrix e2e e2e-user chaos endurance bench cluster-slurm cluster-kubernetes demo fuzz pictures docs up clean
