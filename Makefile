# `make run` and `make test` set up everything they need in .venv, from exact, hashed versions.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PROMPT ?= calculate (41*7)+13, add the result as a todo, then show my todos

.DEFAULT_GOAL := help
.PHONY: help run serve test check format bench requirements docs clean

help: ## show what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/run ## carry out PROMPT="…" here, without any service
	@$(BIN)/runwright run "$$PROMPT"
run: override export PROMPT := $(value PROMPT)

serve: $(VENV)/run ## serve the API and the page on http://127.0.0.1:8000
	@$(BIN)/runwright serve

test: $(VENV)/dev ## run all tests
	$(BIN)/pytest

check: $(VENV)/dev ## everything that runs nothing: lint, format, types, layers, sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/ratchet.py

format: $(VENV)/dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev ## measure the workloads beside the raw journal, and HTTP
	$(BIN)/python -m bench

requirements: $(VENV)/dev ## compile the exact versions again after a change of pyproject.toml
	$(BIN)/uv pip compile $(COMPILE) pyproject.toml requirements/build.in -o requirements/run.txt
	$(BIN)/uv pip compile $(COMPILE) pyproject.toml requirements/build.in --group dev -o requirements/dev.txt

COMPILE := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q

docs: $(VENV)/run ## make the reference pages again from the code
	@$(BIN)/python scripts/reference.py

clean: ## remove what was made here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

$(VENV)/run: requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Runwright into $(VENV) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev: requirements/dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Runwright and its development tools into $(VENV) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/run
