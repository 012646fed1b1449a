# Every target makes the virtual environment that it needs; `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
# Tests at a time. Each job of e2e has a control plane of its own, and waits for much of its time.
JOBS ?= 2
E2E_JOBS ?= 3
# Plays cases beside the real controller's clock, and wants the machine for itself.
REAL_TIME := e2e/suite/test_hpa_conformance.py
# What the image is built from.
PINS := operator/requirements.txt
DATABASE := https://pypi.org/pypi/kopf/1.45.2/json

# What the suites leave of what operators asked the API server for.
RIGHTS := dist/rights

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.PHONY: demo
demo: $(READY) ## The whole story in three minutes, on a real API server
	$(BIN)/python -m demo

.PHONY: check
check: $(READY) ## Lint, types, import rules, and the tests that need no cluster
	$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint unit

.PHONY: lint
lint: $(READY) ## Lint, types, import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: unit
unit: $(READY) ## The tests that need no cluster
	$(BIN)/python -m pytest --quiet --numprocesses $(JOBS) tests

.PHONY: test
test: check programs ## `check`, then the suites on a real API server, the demo among them
	rm -rf $(RIGHTS)
	$(BIN)/python -m pytest --numprocesses $(E2E_JOBS) --dist worksteal \
		--ignore $(REAL_TIME) e2e/tests e2e/suite
	$(BIN)/python -m pytest $(REAL_TIME)
	$(BIN)/python -m rights_proof $(RIGHTS)

.PHONY: test-slow
test-slow: $(READY) programs ## What `test` leaves out, as it takes minutes by its nature
	$(BIN)/python -m pytest -m slow e2e/suite

.PHONY: hostile
hostile: $(READY) programs ## Every bound of every field, nonsense in every place, odd clocks, no rights: minutes
	$(BIN)/python -m pytest -m 'slow or not slow' --numprocesses $(E2E_JOBS) --dist worksteal \
		tests/core/test_boundaries.py e2e/suite/test_hostile_fields.py \
		e2e/suite/test_hostile_objects.py e2e/suite/test_hostile_limits.py e2e/suite/test_hostile_clock.py

.PHONY: programs
programs: $(READY) ## Find, download or build the programs of the control plane, and Helm
	@$(BIN)/python -c 'from controlplane import console, programs as p; show = console.plain(print); p.find_programs(show); p.find_helm(show)'

.PHONY: e2e-kind
e2e-kind: $(READY) ## Operator and gateways as pods of a kind cluster (Docker, kind)
	$(BIN)/python -m kind -- $(BIN)/python -m pytest --junitxml dist/kind.xml e2e/real_pods

.PHONY: e2e-node
e2e-node: $(READY) ## Operator and gateways as pods of two real kubelets (Linux, root; docs/full-node.md)
	$(BIN)/python -m full_node -- \
		$(BIN)/python -m pytest --junitxml dist/full-node.xml e2e/real_pods

.PHONY: hpa-conformance
hpa-conformance: $(READY) ## The simulation's HPA against the real controller, on 1,000 cases
	$(BIN)/python -m hpa_conformance --cases 1000

.PHONY: faults
faults: $(READY) programs ## 2,000 seeded trials, kill -9 around every write, every fault in every workload: hours
	$(BIN)/python -m faults trials --seeds 2000 --output dist/faults/trials.json
	$(BIN)/python -m faults kills --output dist/faults/kills.json
	$(BIN)/python -m faults matrix --long --output dist/faults/matrix.json
	$(BIN)/python -m faults compacted --output dist/faults/compacted.json

.PHONY: faults-ci
faults-ci: $(READY) programs ## 200 seeded trials in ten minutes; a failing one prints what repeats it (docs/faults.md)
	$(BIN)/python -m faults trials --seeds 200 --jobs 12 --output dist/faults/trials-ci.json

.PHONY: planted
planted: $(READY) programs ## Bugs planted into copies of the operator: which of them the oracles find
	$(BIN)/python -m faults planted --output dist/faults/planted.json
	$(BIN)/python -m faults index

.PHONY: bench-healing
bench-healing: $(READY) ## Every failure class with the operator and without it: figures for docs/healing.md
	$(BIN)/python -m healing_bench --output dist/healing.json

.PHONY: bench-peers
bench-peers: $(READY) ## Beside the real HPA, on recorded loads: figures for docs/side-by-side.md (20 minutes)
	$(BIN)/python -m peers_bench --output dist/side-by-side.json --plots dist

.PHONY: soak
soak: $(READY) ## An hour of simulated weeks under random faults: no leak, no drift, nothing forgotten
	$(BIN)/python -m soak --minutes 60 --output dist/soak.json

.PHONY: bench-scale
bench-scale: $(READY) programs ## Clusters and pods by the thousand, played by kwok: figures for docs/benchmarks.md
	ulimit -n 20000 && $(BIN)/python -m scale_bench --runs 3 --output dist/scale.json

.PHONY: crds
crds: $(READY) ## Write crds/*.yaml and docs/reference.md from the models
	$(BIN)/python -m imchat_operator.crds crds
	cp crds/*.yaml helm/imchat-operator/files/crds/
	$(BIN)/python -m imchat_operator.reference docs/reference.md

.PHONY: docs
docs: $(READY) ## Links, manifests, reference and reasons of every page: fails on what is wrong
	$(BIN)/python -m pytest --quiet tests/docs tests/test_docs.py tests/test_reference.py

.PHONY: chart
chart: crds ## Write what is made of crds/, policies/ and the chart: its copies, and config/
	$(BIN)/python -m installation

.PHONY: lock
lock: $(READY) ## Pin all dependencies by hash: uv.lock, and operator/requirements.txt for the image
	$(BIN)/uv lock --no-config --default-index https://pypi.org/simple
	$(BIN)/uv export --no-config --locked --quiet --no-emit-project --no-header --no-annotate \
		--default-index https://pypi.org/simple --output-file $(PINS)

.PHONY: locked
locked: ## The virtual environment with just what uv.lock pins, checked by hash, as CI has it
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.13'
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --no-config --locked --quiet --extra dev --inexact
	@touch $(READY)

.PHONY: audit
audit: $(READY) ## Known vulnerabilities of what the image has in it, if their database can be reached
	@if $(BIN)/python -c 'from urllib.request import urlopen; urlopen("$(DATABASE)", timeout=20)' 2> /dev/null; \
	then $(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r $(PINS); \
	else echo "skipped: $(DATABASE), the database of vulnerabilities, can't be reached"; fi

.PHONY: checkov
checkov: ## checkov on what the chart makes; docs/security.md says why four checks are left out
	$(PYTHON) -m venv dist/checkov
	dist/checkov/bin/python -m pip install --quiet --disable-pip-version-check checkov==3.3.30
	dist/checkov/bin/checkov --file config/operator.yaml --framework kubernetes --quiet --compact \
		--skip-check CKV_K8S_11,CKV_K8S_15,CKV_K8S_38,CKV_K8S_43 2> dist/checkov.log

.PHONY: sbom
sbom: $(READY) ## What the image has in it, as CycloneDX: dist/sbom.cdx.json
	@mkdir -p dist
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --validate \
		--output-format JSON --output-file dist/sbom.cdx.json $(PINS)

.PHONY: clean
clean: ## Remove the virtual environment and caches of tools
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
