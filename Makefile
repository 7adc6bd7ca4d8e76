.DEFAULT_GOAL := help
PYTHON := .venv/bin/python

# Without bytecode files each of the hundreds of processes that the tests start compiles every
# module anew: a quarter of the processor time of such a start.
unexport PYTHONDONTWRITEBYTECODE
# What this machine's user demands of other servers does not concern private ones, which speak no TLS.
unexport PGSSLMODE PGSSLROOTCERT PGSSLCERT PGSSLKEY PGSSLCRL PGSSLMINPROTOCOLVERSION PGOPTIONS PGPASSFILE

# Without it the servers are this machine's own; SERVERS=debian-13 puts those of Debian 13 before them.
ifneq ($(SERVERS),)
export PATH := $(CURDIR)/build/$(SERVERS)/bin:$(PATH)
unexport RABBITMQ_SBIN POSTGRESQL_BIN
setup: build/$(SERVERS)/.complete
endif

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.venv/.complete-servers: requirements-dev.lock pyproject.toml contracts/pyproject.toml .ci/setup
	@.ci/setup

.venv/.complete-tests: .ci/setup | .venv/.complete-servers
	@.ci/setup tests

build/debian-13/.complete: .ci/debian-13
	@.ci/debian-13

.PHONY: setup
setup: .venv/.complete-servers ## Install what is missing: the servers' Debian packages and the virtual environment

.PHONY: setup-tests
setup-tests: setup .venv/.complete-tests ## Install what the tests need besides: tools of other languages, poolers, clocks

.PHONY: demo
demo: setup ## Show the whole product at work on private servers
	@$(PYTHON) -m worker.demo

.PHONY: test
test: setup-tests ## Prove it: every quick test, on private servers; SERVERS=debian-13 takes RabbitMQ 4 and PostgreSQL 17
	@echo "RabbitMQ and PostgreSQL: private ones, started for this run on free ports of 127.0.0.1"
	@$(PYTHON) -m pytest --numprocesses 4 --dist worksteal $(ARGUMENTS)

.PHONY: campaign
campaign: setup ## Kill everything again and again under a million commands; OPTIONS="--seed 7 --commands 20000"
	@$(PYTHON) -m tests.campaign $(OPTIONS)

.PHONY: test-long
test-long: setup-tests ## Every crash point and every lost answer, long freezes, clusters: minutes of faults
	@$(PYTHON) -m pytest -m 'campaign or benchmark' $(ARGUMENTS)

.PHONY: bench
bench: setup ## Measure against the physical limit and against others: ten minutes to a quarter of an hour
	@$(PYTHON) -m tests.benchmarks $(OPTIONS)

.PHONY: bench-quick
bench-quick: setup ## The same, a look in two minutes
	@$(PYTHON) -m tests.benchmarks --quick $(OPTIONS)

.PHONY: lint
lint: setup ## Check format, style, types and import rules
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

.PHONY: format
format: setup ## Bring the code into shape
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

.PHONY: contracts
contracts: setup ## Write schemas, AsyncAPI, examples and the HTML reference into contracts/activation_contracts/exported, and compare them with the released ones; under CI they must be so already
	@rm -rf contracts/activation_contracts/exported
	.venv/bin/activation-worker contracts export contracts/activation_contracts/exported
	$(PYTHON) -m tests.contracts.compatibility check
	@test -z "$(CI)" || { git add --intent-to-add contracts/activation_contracts/exported && git diff --exit-code -- contracts/activation_contracts/exported; }

.PHONY: release-contracts
release-contracts: contracts ## Keep the exported contracts as those of this version, in contracts/released; never overwrites one
	$(PYTHON) -m tests.contracts.compatibility release

.PHONY: docs
docs: setup ## Generate the reference, and the tables in the documents, from the code
	$(PYTHON) -m activation_contracts.documents.tables
	$(PYTHON) -m activation_contracts.documents.reference
	$(PYTHON) -m worker.docs.tables
	$(PYTHON) -m worker.docs.definitions

.PHONY: wheels
wheels: setup ## Build both wheels into dist: the worker, and the contracts alone
	rm -rf build/lib build/bdist.* contracts/build
	$(PYTHON) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . ./contracts
	rm -rf build/lib build/bdist.* contracts/build contracts/*.egg-info

# Buildah needs no engine; health checks are not in its own format. OPTIONS go to either, for
# example --build-arg BASE=... for another base image.
IMAGE := activation-worker:$(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

.PHONY: image
image: ## Build the container image activation-worker, tagged with its version, with docker or else with buildah
	@if docker info >/dev/null 2>&1; then docker build $(OPTIONS) --tag $(IMAGE) .; \
	elif command -v buildah >/dev/null; then \
		buildah bud --isolation chroot --format docker $(OPTIONS) --tag $(IMAGE) .; \
	else echo "image: neither a docker engine nor buildah is here. Install one: apt-get install buildah" >&2; exit 1; fi

# The configuration of this machine's uv is left out: it could name an index whose files have
# other hashes than the public ones. The contracts come from this repository.
COMPILE := build/lock/bin/uv pip compile --quiet --no-config --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-package activation-worker-contracts

.PHONY: lock
lock: setup ## Pin the newest versions that pyproject.toml allows, each by its hashes
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/pip install --quiet --disable-pip-version-check 'uv>=0.13,<0.14'
	$(COMPILE) --output-file requirements.lock --extra tracing pyproject.toml
	$(COMPILE) --output-file requirements-dev.lock --constraint requirements.lock --extra tracing --extra dev pyproject.toml

.PHONY: fuzz
fuzz: setup ## Feed everything that parses outside bytes with hostile ones, and count; OPTIONS="--examples 50000 --seed 7"
	$(PYTHON) -m tests.fuzz $(OPTIONS)

.PHONY: audit
audit: setup ## Check pinned packages: hashes, withdrawn releases, licences; says what it cannot check
	$(PYTHON) -m tests.audit

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf .venv build dist contracts/build contracts/*.egg-info *.egg-info .coverage .coverage.*
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find contracts worker tests -name __pycache__ -prune -exec rm -rf {} +
