# The two commands a newcomer needs: `make run` (watch a small network compute, verify and pay) and `make test`.
PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
OUT := claynet-out/first-light

.PHONY: help setup run test test-unprivileged lint bench docs proto clean

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

setup: $(STAMP) ## make .venv with everything installed (quick when done)

$(STAMP): setup.cfg pyproject.toml
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "claynet needs Python 3.11 or newer; say which: make PY=python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PY) -m venv $(VENV) || { echo "no venv could be made; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "installing claynet and its tools into $(VENV) (about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

run: setup ## run scenarios/first-light.yaml: two requestors, six providers, one of them a liar
	@$(BIN)/claynet run scenarios/first-light.yaml --out $(OUT)

test: setup ## run every test (CLAYNET_TESTS=deep for the long ones; DOCKER=no without those that need docker)
	@DOCKER=$(DOCKER) $(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder

test-unprivileged: setup ## run the core docker tests as a temporary user in the docker group (for root; others do so by make test)
	@DOCKER=$(DOCKER) $(BIN)/python -m tests.docker.unprivileged

lint: setup ## ruff, mypy, generated code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/mypy -p claynet.actors -p claynet.taskapi -p claynet.envs -p claynet.net -p claynet.sim -p claynet.cli -p claynet.apps
	@$(BIN)/python proto/generate.py --check

bench: setup ## one JSON line per figure; fails when a goal is missed
	@$(BIN)/python -m bench

docs: setup ## draw the diagrams of the state machines from their tables
	@$(BIN)/python docs/draw_machines.py

proto: setup ## generate the protocol's modules anew
	@$(BIN)/python proto/generate.py

clean: ## remove what was made
	@rm -rf $(VENV) claynet-out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis src/*.egg-info
