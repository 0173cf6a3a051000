# `make run` and `make test` set up everything they need in .venv, from exact, hashed versions.

PYTHON ?= python3
VENV   ?= .venv
LLM_VENV ?= .venv-llm
TEST_PROCESSES ?= 3
BIN    := $(VENV)/bin
PROMPT ?= calculate (41*7)+13, add the result as a todo, then show my todos

.DEFAULT_GOAL := help
.PHONY: help run serve test test-llm crash load locust fuzz check format bench requirements docs clean sbom audit

help: ## show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/run ## carry out PROMPT="…" here, without any service
	@$(BIN)/runwright run "$$PROMPT"
run: override export PROMPT := $(value PROMPT)

serve: $(VENV)/run ## serve the API and the page on http://127.0.0.1:8000
	@$(BIN)/runwright serve

test: $(VENV)/dev ## run all tests
	$(BIN)/pytest -n $(TEST_PROCESSES) --dist worksteal

test-llm: $(VENV)/run $(LLM_VENV)/ready ## a dozen prompts to a real, very small model, which 130 MB of packages bring
	@$(BIN)/python scripts/test_llm.py $(LLM_VENV)/bin/python

$(LLM_VENV)/ready: requirements/test-llm.txt
	@test -x $(LLM_VENV)/bin/python || $(PYTHON) -m venv $(LLM_VENV)
	@$(LLM_VENV)/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/test-llm.txt
	@touch $@

crash: $(VENV)/dev ## kill and stop real servers at every crash point, and damage their files (over an hour where others work)
	PYTHONPATH=tests $(BIN)/python -m crash $(CELLS)

load: $(VENV)/dev ## a thousand readers of events, ten times more requests than can be served, rate limits on four servers
	PYTHONPATH=tests $(BIN)/python -m load $(PARTS)

locust: ## users of locust, three simple to one complex, on the server at HOST for a minute
	@test -x $(VENV)-load/bin/python || $(PYTHON) -m venv $(VENV)-load
	@$(VENV)-load/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/load.txt
	$(VENV)-load/bin/locust -f tests/load/locustfile.py --headless --users 20 --spawn-rate 10 --run-time $(SECONDS)s --host $(HOST)
locust: HOST ?= http://127.0.0.1:8000
locust: SECONDS ?= 60

fuzz: $(VENV)/dev ## ask everything of the OpenAPI document, right and wrong, thousands of times (EXAMPLES of each route)
	RUNWRIGHT_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -q -p no:randomly tests/http/test_openapi_fuzz.py
fuzz: EXAMPLES ?= 500

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

sbom: $(VENV)/run ## write the bill of materials of a run-time installation (CycloneDX) to build/sbom.json
	@mkdir -p build
	@$(BIN)/python scripts/sbom.py > build/sbom.json
	@echo "build/sbom.json"

audit: $(VENV)/dev ## ask the index for known vulnerabilities of what is installed to run (needs a network)
	$(BIN)/uv tool run pip-audit --strict --disable-pip --require-hashes -r requirements/run.txt

requirements: $(VENV)/dev ## compile the exact versions again after a change of pyproject.toml
	$(BIN)/uv pip compile $(COMPILE) pyproject.toml requirements/build.in -o requirements/run.txt
	$(BIN)/uv pip compile $(COMPILE) pyproject.toml requirements/build.in --group dev -o requirements/dev.txt
	$(BIN)/uv pip compile $(COMPILE) requirements/load.in -o requirements/load.txt

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
