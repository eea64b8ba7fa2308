SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-deploy check lint format trials bench audit sbom lock env.example clean
BIN := .venv/bin
# what is compiled once need not be compiled by each of some hundred processes
unexport PYTHONDONTWRITEBYTECODE

help: ## say what can be made
	@grep -hE '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

setup: ## install what is needed: system packages, .venv with the locked packages
	@scripts/system-packages
	@scripts/setup

demo: setup ## read the sample receipts and show what was found
	@$(BIN)/converto demo

run: setup ## serve on http://127.0.0.1:8000 until Ctrl-C
	@$(BIN)/converto serve

test: setup ## run the tests, on a PostgreSQL and a Redis of their own
	$(BIN)/pytest --numprocesses=$$(($$(nproc) + 1)) --dist=worksteal

lint: setup ## format, style, types and boundaries
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check: lint test ## lint and test: what has to be green before a commit

format: setup ## put the code in the house's format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

test-deploy: setup ## try the image and the compose files with the Docker Engine that answers here
	$(BIN)/pytest -m deploy -s tests/deploy

trials: setup ## kill, flood and measure for longer than a test may take
	$(BIN)/pytest -m trials -s

bench: setup ## measure against named limits, each in the same run
	@scripts/setup .venv-bench requirements-bench.lock
	@failed=0; for measurement in bench/*.py; do echo "== $$measurement"; .venv-bench/bin/python "$$measurement" || failed=1; done; exit $$failed

audit: setup ## look the locked packages up among the known vulnerabilities
	$(BIN)/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock

sbom: setup ## write what the product is made of: build/sbom.cdx.json and docs/licences.md
	$(BIN)/python scripts/bill_of_materials.py

lock: setup ## choose the newest packages that pyproject.toml allows, and write their hashes down
	@scripts/lock --upgrade

env.example: setup ## write every setting and its default into env.example
	$(BIN)/converto settings > env.example.new
	@mv env.example.new env.example

clean: ## remove what was made, but not data/
	rm -rf .venv .venv-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
