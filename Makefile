# On Record: `make` does the main job on raw/, `make test` passes the tests, `make help` lists the rest.
RAW ?= raw
OUTPUT ?= output
PACKAGE ?=
VERSION ?= auto
PYTHON ?= python3
SOURCE_DATE_EPOCH ?= $(shell date +%s)
export SOURCE_DATE_EPOCH
ONRECORD = .venv/bin/onrecord
SIGNED = $(if $(KEY),--key "$(KEY)")
HERE = --raw "$(RAW)" --output "$(OUTPUT)" $(if $(PACKAGE),--package "$(PACKAGE)")

.DEFAULT_GOAL := all
.PHONY: all documents claims check release verify reproduce diff yank withdraw catalogue push serve page \
  evaluate bench test faults exits fuzz audit lint docs train lock clean help
.DELETE_ON_ERROR:

all: .venv/ready ## run the pipeline on RAW, publish PACKAGE below OUTPUT and print a report
	@$(ONRECORD) run $(HERE) --version "$(VERSION)" $(SIGNED)

documents: .venv/ready ## read and clean only: the documents and texts
	@$(ONRECORD) documents $(HERE)

claims: .venv/ready ## ... and annotate and link: the claims, dates, stances and speakers
	@$(ONRECORD) claims $(HERE)

check: .venv/ready ## ... and check them: expectations, laws, floors; bad rows go to quarantine
	@$(ONRECORD) check $(HERE)

release: .venv/ready ## ... and publish the package, without the report on screen
	@$(ONRECORD) release $(HERE) --version "$(VERSION)" $(SIGNED)

verify: .venv/ready ## check every byte, row, chain and signature below OUTPUT; SIGNERS=<file> says who may sign, SINCE=<versions.json> what was seen before
	@$(ONRECORD) verify "$(OUTPUT)" $(if $(SIGNERS),--signers "$(SIGNERS)") $(if $(SINCE),--since "$(SINCE)")

reproduce: .venv/ready ## build VERSION once more from RAW, compare it byte for byte, and say what differs and why
	@$(ONRECORD) reproduce "$(VERSION)" $(HERE)

diff: .venv/ready ## what changed between two release folders, OLD and NEW
	@$(ONRECORD) diff "$(OLD)" "$(NEW)"

yank: .venv/ready ## mark VERSION as wrong, for a REASON: it stays, and nobody is led to it
	@$(ONRECORD) yank "$(VERSION)" --reason "$(REASON)" $(HERE) $(SIGNED)

withdraw: .venv/ready ## take DOCUMENT (id, source or url) out for good, for a REASON, and delete the releases that hold it
	@$(ONRECORD) withdraw "$(DOCUMENT)" --reason "$(REASON)" $(HERE) $(SIGNED)

catalogue: .venv/ready ## finish what a killed run began; make lists, feed and pages anew
	@$(ONRECORD) catalogue $(HERE) $(SIGNED)

push: .venv/ready ## send the package to TARGET: a folder, s3://bucket/prefix or hf://datasets/owner/name
	@$(ONRECORD) push "$(TARGET)" $(HERE)

serve: .venv/ready ## serve OUTPUT on 127.0.0.1 until interrupted
	@$(ONRECORD) serve --output "$(OUTPUT)"

page: ## bundle the claims browser of the pages (needs Node 20; without it the pages show plain tables)
	npm --prefix pipeline/release/web ci && npm --prefix pipeline/release/web run build

evaluate: .venv/ready ## score the annotators against the gold of the sample corpus, field by field
	@$(ONRECORD) evaluate $(FILE)

bench: .venv/ready ## the annotators beside their peers on DATA, a folder of annotated data; without it, what publishing costs; SCALE=<documents>: what a run over so many costs
	@$(ONRECORD) bench $(if $(DATA),"$(DATA)") $(if $(PEERS),--peers "$(PEERS)") $(if $(SCALE),--scale $(SCALE))

test: .venv/ready ## run the tests
	@.venv/bin/pytest

faults: .venv/ready ## fail every system call of a publisher, kill it at random moments, flip bits of a release, rebuild under other settings (needs strace; some minutes)
	@ONRECORD_FAULTS=1 .venv/bin/pytest -s -n 0 tests/test_store.py tests/test_verify.py tests/test_rebuild.py tests/test_interrupted.py -k "fault or kill or no_gap or flipped or rebuild or network or interrupted"

exits: .venv/ready ## run each command up to 200 times and count its exit codes
	@.venv/bin/python tests/exits.py

fuzz: .venv/ready ## read, clean and annotate 100,000 made-up inputs (needs atheris)
	@.venv/bin/python -m tests.fuzz 100000

audit: .venv/ready ## look every package of requirements.lock up for known vulnerabilities; fails when one cannot be (needs the extra audit)
	@.venv/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements.lock

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
	@echo '  with RAW=<folder of texts> PACKAGE=<name> VERSION=<x.y.z> OUTPUT=<folder>; KEY=<ssh key that signs>; FILE=<annotated data>; DATA=<folder>'

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "onrecord needs Python 3.11 or newer; name one with make PYTHON=...")'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch .venv/ready
