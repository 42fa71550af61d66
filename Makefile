# Everything a developer or CI runs. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help setup sim live test check contract bench screenshots faults soak kafka-setup infra-setup infra-test infra-sim cloud-plan cloud-apply package format lock clean clean-all
SHELL := /bin/sh
BIN := .venv/bin
ARGS ?=

# The first Python here that the project runs on; `make PYTHON=/path/to/python3.12 setup` says otherwise.
usable = $(shell $(1) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 && echo $(1))
PYTHON ?= $(or $(call usable,python3),$(call usable,python3.13),$(call usable,python3.12),$(call usable,python3.11))
no_python = echo >&2 "setup: Python 3.11, 3.12 or 3.13 is needed: install one, or name it with PYTHON=/path/to/python3"; exit 1;

# The Java that `make setup` found or fetched, for tests that start Spark themselves.
export JAVA_HOME = $(or $(wildcard $(CURDIR)/.tools/java/home),$(shell echo "$$JAVA_HOME"))

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make the locked environments in .venv and .tools (does nothing when they are up to date)
	@$(or $(PYTHON),$(no_python)) scripts/setup.py

sim: setup ## Run the demo session; ARGS="--exit --report r.json" passes options on
	@$(BIN)/ctc sim $(ARGS)

live: setup ## Watch the real exchanges, with the embedded emulator
	@$(BIN)/ctc live $(ARGS)

test: kafka-setup ## Run every test, by two workers (ARGS="-n 0 tests/spark" for a few in one)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup ## The quick part: format, lint, types, import rules, unit tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -m "not emulator and not spark and not browser and not node" $(ARGS)

contract: setup ## What the stores rely on, on MiniStack, or on the emulator that CTC_TEST_ENDPOINT names
	$(BIN)/python -m pytest -m contract $(ARGS)

bench: setup ## Measure throughput and latency on this machine
	$(BIN)/python scripts/bench.py $(ARGS)

screenshots: setup ## Take the pictures of docs/SCREENS.md anew; ARGS="--url URL" of a running session
	$(BIN)/python scripts/screenshots.py $(ARGS)

faults: setup ## Strike 20 seeds' sessions with every fault, and write the matrix into docs/FAULTS.md (hours; ARGS="--seeds 1")
	$(BIN)/python -m sim.faults --write $(ARGS)

soak: setup ## 30 minutes at 5,000 trades/s with a fault each minute; writes docs/FAULTS.md (ARGS="--minutes 3")
	$(BIN)/python -m sim.faults.soak --write $(ARGS)

kafka-setup: setup ## Get a Kafka broker and Spark's reader of it into .tools/kafka, for tests and for sessions on Kafka
	@$(or $(PYTHON),$(no_python)) scripts/setup.py --kafka

infra-setup: setup
	@$(or $(PYTHON),$(no_python)) scripts/setup.py --infra

infra-test: infra-setup ## Test the Terraform in infra/: format, validate, module tests, checkov, Rego (what is missing is skipped, and said)
	@$(BIN)/python scripts/cloud.py test $(ARGS)

infra-sim: infra-setup ## Apply infra/ to the emulators, plan again, destroy
	@$(BIN)/python scripts/cloud.py sim $(ARGS)

TERRAFORM = terraform -chdir=infra
cloud-plan: ## Plan infra/ for AWS into infra/cloud.plan; BACKEND=s3 keeps the state there (TF_CLI_ARGS_init says where)
	@$(if $(BACKEND),printf 'terraform {\n  backend "$(BACKEND)" {}\n}\n' > infra/backend_override.tf,rm -f infra/backend_override.tf)
	$(TERRAFORM) init -input=false
	$(TERRAFORM) plan -input=false -var-file=environments/cloud.tfvars -out=cloud.plan $(ARGS)

cloud-apply: ## Apply infra/cloud.plan, exactly as it was planned
	$(TERRAFORM) apply -input=false cloud.plan

package: setup ## Make what the cloud takes, in dist/ (ARGS="--only api --architecture x86_64")
	@$(BIN)/python scripts/package.py $(ARGS)

format: setup ## Format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

COMPILE = .tools/uv/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.11
lock: setup ## Resolve the lock files anew, after a change in pyproject.toml or *.in
	$(COMPILE) pyproject.toml --group dev -o requirements.lock
	$(COMPILE) emulator.in -o emulator.lock
	$(COMPILE) bootstrap.in -o bootstrap.lock
	$(COMPILE) node.in -o node.lock
	$(COMPILE) infra.in -o infra.lock
	for name in api batch emr producer; do $(COMPILE) packages/$$name.in -c requirements.lock -o packages/$$name.lock || exit 1; done
	$(COMPILE) packages/build.in -o packages/build.lock

clean: ## Remove sessions and caches
	rm -rf .ctc .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find ctc sim jobs tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

clean-all: clean ## Remove the environments too
	rm -rf .venv .tools dashboard/web/node_modules dashboard/web/dist
