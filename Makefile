# The verbs of this repository; `make` alone lists them. CI says the same words as people do.
#
# VENV=DIR uses another environment than .venv; several checkouts may share one. Variables given to `make`
# reach the programs: `make demo TOUR=1`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV ?= .venv
BIN := $(abspath $(VENV))/bin
PURE := device/protocol device/core
TYPED := device fleet_server provisioning hil_tests tests $(wildcard bench)
NODE_PROJECTS := tests/micropython tests/axe

# Our programs run from the checkout; none is installed into the environment.
export PYTHONPATH := $(CURDIR)
export PATH := $(BIN):$(PATH)

.PHONY: help setup demo check test hil bench soak fuzz fix requirements system-packages

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*  ## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup:  ## build the environment; quiet when it is up to date
	@requirements/install.sh "$(VENV)"

demo: setup  ## a venue, a fleet server and a console on this machine (RESET=1 TOUR=1 CATALOG=FILE)
	@"$(BIN)/python" -m hil_tests.demo

check: setup  ## the fast part: format, lint, spelling, imports, types, house rules
	@ruff format --check --quiet . || { echo "make fix formats it"; exit 1; }
	@ruff check --quiet .
	@codespell
	@report=$$(lint-imports --no-logo) || { echo "$$report"; exit 1; }
	@mypy --no-error-summary $(TYPED)
	@pytest -q tests/repository

test: check system-packages $(NODE_PROJECTS:%=%/node_modules/.package-lock.json)  ## everything CI runs; ends with the test summary
ifneq ($(wildcard tests/device/protocol tests/device/core),)
	@coverage erase
	@coverage run -m pytest -q $(wildcard $(PURE:%=tests/%))
	@coverage report
endif
	@pytest -q tests hil_tests $(PURE:%=--ignore=tests/%) -m "not slow"

hil: setup  ## every scenario with whole boxes on the emulated board
	@pytest hil_tests -v

bench: setup  ## the figures in docs/performance.md, measured here against peers (QUICK=1)
	@requirements/system_packages.sh bench
	@"$(BIN)/python" -m bench $(if $(QUICK),--quick)

fuzz: setup  ## every parser of foreign bytes, ten million mutated inputs (EXECS=n SEED=n)
	@"$(BIN)/python" -m tests.fuzz $(if $(EXECS),--execs $(EXECS)) $(if $(SEED),--seed $(SEED))

soak: setup  ## every promise in large numbers: about an hour (SHARE=0.01 for a taste; ends with a table)
	@"$(BIN)/python" -m tests.soak --share $(or $(SHARE),1)

fix: setup  ## format, and repair what the linter can repair
	@ruff format --quiet .
	@ruff check --fix --quiet .

requirements: setup  ## pin again what pyproject.toml asks for (needs the network)
	@requirements/compile.sh "$(BIN)/uv"

system-packages:
	@requirements/system_packages.sh tests

# The second MicroPython (the official WebAssembly build), and the accessibility checks. Tests skip by name without them.
%/node_modules/.package-lock.json: %/package-lock.json | system-packages
	@if command -v npm > /dev/null; then \
	    npm ci --prefix $* --silent --no-audit --no-fund || echo "npm ci failed: tests that need $* will be skipped"; \
	else echo "npm is missing: tests that need $* will be skipped"; fi
