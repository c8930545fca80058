# Everything that a person or CI does with this project. `make` alone says what there is.
#
# Nothing here needs root or Docker. As root, packages of Debian that some tests want are fetched; without,
# those tests are skipped and listed (under CI=true a skipped test is a failure).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE := tests/clients/node
PEERS := bench/peers
PAGE := tusd_py/server/web/index.html
DATA ?= data
HOST ?= 127.0.0.1
PORT ?= 8080
# Most tests wait more than they compute, so five at a time on two cores; files stay whole, as some share a server,
# and the longest come first (tests/order.py).
JOBS ?= 5
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run test check crash api search bench web screenshots packages lock clean

help: ## what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(VENV)/.ready $(PAGE) $(if $(shell command -v npm),$(NODE)/node_modules/.ready) ## a virtual environment with everything; quick when it is there

$(VENV)/.ready: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[dev]'
	@touch $@

# The page is built with the machine's Node, or else with one from PyPI.
$(PAGE): $(VENV)/.ready $(wildcard web/*.*) $(shell find web/src -type f)
	@$(BIN)/python -c 'import sys; sys.path.insert(0, "web"); import make_page; sys.exit(not make_page.find_node())' \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[node]'
	$(BIN)/python web/make_page.py
	@touch $@

$(NODE)/node_modules/.ready: $(NODE)/package-lock.json
	npm --prefix $(NODE) ci --silent --no-audit --no-fund
	@touch $@

run: setup ## start the server with what is built in, in ./data
	@echo 'Open   http://$(HOST):$(PORT)/   in a browser. Programs upload to   http://$(HOST):$(PORT)/files/'
	@echo 'What comes is kept in ./$(DATA). Try, in another terminal:'
	@echo
	@echo '  url=$$(curl -sS -D- -o /dev/null -X POST http://$(HOST):$(PORT)/files/ -H "Tus-Resumable: 1.0.0" \'
	@echo '    -H "Upload-Length: $$(stat -c %s README.md)" | sed -n "s/^[Ll]ocation: //p" | tr -d "\r")'
	@echo '  curl -i -X PATCH "$$url" -H "Tus-Resumable: 1.0.0" -H "Upload-Offset: 0" \'
	@echo '    -H "Content-Type: application/offset+octet-stream" --data-binary @README.md'
	@echo '  curl "$$url"'
	@echo
	@exec $(BIN)/tusd-py serve --host $(HOST) --port $(PORT) --upload-dir $(DATA) $(ARGS)

web: setup ## the page, after a change in web/ (see docs/page.md)

test: setup packages ## every test, 12 minutes or more on two cores
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup ## format, lint, types, and which way imports point
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python web/make_page.py check
	$(BIN)/python -m pytest -q tests/unit/test_architecture.py

crash: setup packages ## the crash suite at length, with a table; ARGS='kill --runs 200 --seed 7' for a part
	$(BIN)/python -m tests.crash $(ARGS)

api: setup ## made-up requests against the API, at length; ARGS='--examples 500 --seed 7'
	$(BIN)/python -m tests.api.fuzz $(ARGS)

search: setup packages ## how long pages of 100,000 files take, on both databases; ARGS='--rows 20000 --only sqlite'
	$(BIN)/python -m bench.search $(ARGS)

screenshots: setup packages ## the pictures of the README, taken from the real page
	$(BIN)/python -m tests.clients.browser.screenshots $(ARGS)

bench: setup packages $(VENV)/.bench $(PEERS)/.venv/.ready $(if $(shell command -v npm),$(PEERS)/node_modules/.ready) ## figures, beside other servers; ARGS=--quick, or ARGS='large --rounds 5'
	$(BIN)/python -m bench $(ARGS)

$(VENV)/.bench: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[bench]'
	@touch $@

$(PEERS)/.venv/.ready: $(PEERS)/requirements.txt
	$(PYTHON) -m venv $(PEERS)/.venv
	$(PEERS)/.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(PEERS)/node_modules/.ready: $(PEERS)/package-lock.json
	npm --prefix $(PEERS) ci --silent --no-audit --no-fund
	@touch $@

# The tests' programs: the power cuts make filesystems, the traces need strace, Postgres and clamd are the real ones.
packages:
	@tests/fetch-packages strace:strace mkfs.ext4:e2fsprogs curl:curl psql:postgresql pgbouncer:pgbouncer nginx:nginx haproxy:haproxy clamd:clamav-daemon chromium:chromium

lock: ## write requirements.lock anew from what pyproject.toml allows
	rm -rf $(VENV)-lock
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check '.[dev,node]'
	{ echo '# Versions that the tests ran with; made by `make lock`.'; \
	  $(VENV)-lock/bin/python -m pip freeze --exclude tusd-py; } > requirements.lock
	rm -rf $(VENV)-lock

clean: ## everything that was made, but not ./data
	rm -rf $(VENV) web/node_modules tusd_py/server/web $(NODE)/node_modules $(PEERS)/node_modules $(PEERS)/.venv dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
