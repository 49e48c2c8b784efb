# On Record: `make` does the main job on raw/, `make test` passes the tests, `make help` lists the rest.
RAW ?= raw
OUTPUT ?= output
PACKAGE ?=
VERSION ?= auto
PYTHON ?= python3
ONRECORD = .venv/bin/onrecord
HERE = --raw "$(RAW)" --output "$(OUTPUT)" $(if $(PACKAGE),--package "$(PACKAGE)")

.DEFAULT_GOAL := all
.PHONY: all documents claims check release evaluate bench test lint docs train lock clean help
.DELETE_ON_ERROR:

all: .venv/ready ## run the pipeline on RAW, publish PACKAGE below OUTPUT and print a report
	@$(ONRECORD) run $(HERE) --version "$(VERSION)"

documents: .venv/ready ## read and clean only: the documents and texts
	@$(ONRECORD) documents $(HERE)

claims: .venv/ready ## ... and annotate and link: the claims, dates, stances and speakers
	@$(ONRECORD) claims $(HERE)

check: .venv/ready ## ... and check them: expectations, laws, floors; bad rows go to quarantine
	@$(ONRECORD) check $(HERE)

release: .venv/ready ## ... and publish the package, without the report on screen
	@$(ONRECORD) release $(HERE) --version "$(VERSION)"

evaluate: .venv/ready ## score the annotators against the gold of the sample corpus, field by field
	@$(ONRECORD) evaluate $(FILE)

bench: .venv/ready ## the annotators beside their peers on DATA, a folder of annotated data: scores and speed
	@$(ONRECORD) bench "$(DATA)"

test: .venv/ready ## run the tests
	@.venv/bin/pytest

lint: .venv/ready ## check style and format
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .

docs: .venv/ready ## make the tables in the README anew from schemas/
	@.venv/bin/python -m pipeline.schema README.md

train: ## train the learned parts again on DATA, the folder of the annotated corpora (needs the extra train)
	@.venv/bin/python -m pipeline.train "$(DATA)"

lock: ## resolve requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra test --extra build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --output-file requirements.lock

clean: ## remove output/work, which every run can make again, and nothing else
	rm -rf "$(OUTPUT)/work"

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  with RAW=<folder of texts> PACKAGE=<name> VERSION=<x.y.z> OUTPUT=<folder>; FILE=<annotated data>; DATA=<folder>'

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "onrecord needs Python 3.11 or newer; name one with make PYTHON=...")'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch .venv/ready
