# Every target is one line; the work is in `assay` (include/assay/cli) and in the bootstrap.
PYTHON ?= python3
ASSAY = @$(PYTHON) -I include/assay/bootstrap.py --
TOOL = $(PYTHON) -I include/assay/bootstrap.py --dev --exec
SIZE = $(if $(FILES),--files $(FILES)) $(if $(ROWS),--rows $(ROWS))
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
COMPILE = $(TOOL) uv -- pip compile --universal --python-version 3.11 --generate-hashes --no-header -q

ifeq ($(STREAM),kafka)
export ASSAY_KAFKA ?= yes
endif
.DEFAULT_GOAL := help
.PHONY: help demo up down status doctor url generate test test-long check fix docs bench golden lock
.PHONY: hooks audit ports image compose-up compose-down

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
demo: ## From nothing to a published release (FILES=200 ROWS=10000 for the full load; STREAM=kafka)
	$(ASSAY) demo $(SIZE) $(if $(STREAM),--stream $(STREAM))
up: ## Start Postgres, Spark and Airflow, and leave them running
	$(ASSAY) up
down: ## Stop everything that was started
	$(ASSAY) down
status: ## Show what runs, and where
	$(ASSAY) status
doctor: ## Say what is missing on this machine, and how to install it
	$(ASSAY) doctor
url: ## Print the addresses, the login and the landing folder
	$(ASSAY) url
generate: ## Make landing files (DATASET=trades FILES=20 ROWS=10000 ARGS="--seed 7")
	$(ASSAY) generate $(or $(DATASET),trades) $(SIZE) $(ARGS)
test: ## Run the tests (ARGS="-k name" for some)
	@$(TOOL) pytest -- $(ARGS)
test-long: ## Run those that take longest: a kill in every stage, every dataset on a running stack
	@$(TOOL) pytest -- -m long $(ARGS)
check: ## Lint, formatting and types
	@$(TOOL) ruff -- check . && $(TOOL) ruff -- format --check . && $(TOOL) mypy --
fix: ## Repair lint and formatting
	@$(TOOL) ruff -- check --fix . && $(TOOL) ruff -- format .
docs: ## Write the generated pages of docs/ again
	@$(TOOL) python -- tools/contract_docs.py && $(TOOL) python -- -m assay.airflow_ui.task_docs && $(TOOL) python -- tools/editor_schemas.py && $(TOOL) python -- tests/corpus/document.py
bench: ## Measure speed and memory (ARGS="--help" for the parts)
	$(ASSAY) bench $(ARGS)
golden: ## Write the golden files of the tests again
	@ASSAY_WRITE_GOLDEN=1 $(TOOL) pytest -- tests/dags/test_graph.py
lock: ## Compile requirements*.in to the hashed lock files
	@$(COMPILE) requirements.in -o requirements.txt && $(COMPILE) -c requirements.txt requirements-dev.in -o requirements-dev.txt
hooks: ## Run the pre-commit hooks on all files
	@$(TOOL) pre-commit -- run --all-files
audit: ## List what is installed (.assay/sbom.json), and what of it is known to be vulnerable
	@mkdir -p .assay && $(TOOL) cyclonedx-py -- requirements requirements.txt --pyproject pyproject.toml --short-PURLs -o .assay/sbom.json 2>/dev/null && echo "assay: wrote .assay/sbom.json"
	@$(TOOL) pip-audit -- -r requirements.txt --require-hashes --disable-pip --strict --progress-spinner off --ignore-vuln CVE-2026-68982 || { echo "assay: not audited, or vulnerable; SECURITY.md says which it is" >&2; exit 1; }
ports:
	@include/assay_stack/ports_free.sh
image: ## Build the image assay:local for the stack in containers
	docker build -t assay:local --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) .
compose-up: ports image ## Start the stack in containers (docs/deployment.md)
	docker compose up --detach --wait
compose-down: ## Stop the stack in containers; its volumes stay
	docker compose down
