# `make up` and `make test` need Python 3.11 or newer and nothing else; the rest comes by itself.
PYTHON ?= python3
LOCAL = @$(PYTHON) config/stack/bootstrap.py local
DEV = @$(PYTHON) config/stack/bootstrap.py dev
# Enough for Django to read its settings; no command that uses these connects anywhere.
OFFLINE = @ENV_FILE= DEBUG=1 DATABASE_URL=postgresql://nobody@127.0.0.1:1/none \
	$(PYTHON) config/stack/bootstrap.py dev
ARGS ?=

.DEFAULT_GOAL = help
.PHONY: up down reset status logs test bench chaos kill-matrix planted containers-test check lint types imports fix migrations openapi help

up:  ## start everything and keep it running until Ctrl-C (PORT=8005)
	$(LOCAL) -m config.stack up

down:  ## stop what runs, and what a killed `make up` left
	$(LOCAL) -m config.stack down

reset:  ## stop everything and delete all data
	$(LOCAL) -m config.stack reset

status:  ## show what runs
	$(LOCAL) -m config.stack status

logs:  ## follow all logs
	$(LOCAL) -m config.stack logs

test:  ## run the tests (ARGS="-k refund" for some of them)
	$(DEV) -m pytest $(ARGS)

bench:  ## measure, and write docs/performance.md (ARGS="--help", ARGS="--quick create")
	$(LOCAL) -m tests.bench $(ARGS)

chaos:  ## kill, freeze, wipe and cut under load, then compare all books (DURATION=180 SEED= FAULTS=)
	$(DEV) -m tests.chaos $(ARGS)

kill-matrix:  ## kill every process at every step, and write docs/kill-matrix.md (ARGS="--help", ARGS="--sample 100")
	$(DEV) -m tests.kills $(ARGS)

planted:  ## plant mistakes in copies of the code, see each found, and write docs/planted-bugs.md (ARGS="--help")
	$(DEV) -m tests.planted $(ARGS)

containers-test:  ## run the containers for real (root, Debian, podman; ARGS=--help)
	@$(PYTHON) -m tests.containers $(ARGS)

check: lint types imports migrations  ## what CI checks besides the tests
	$(OFFLINE) manage.py spectacular --validate --fail-on-warn --file .local/openapi.yaml
	@diff -u docs/openapi.yaml .local/openapi.yaml || { echo "run: make openapi"; exit 1; }

lint:
	$(DEV) -m ruff check .
	$(DEV) -m ruff format --check .

types:
	$(OFFLINE) -m mypy .

imports:
	$(DEV) -c "from importlinter.cli import lint_imports_command as main; main()"

migrations:
	$(OFFLINE) -W ignore manage.py makemigrations --check --dry-run

fix:  ## format, and repair what can be repaired
	$(DEV) -m ruff check --fix .
	$(DEV) -m ruff format .

openapi:  ## write docs/openapi.yaml anew
	$(OFFLINE) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18
