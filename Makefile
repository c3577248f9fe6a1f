# Two commands on a fresh machine: `make demo` and `make test`. Everything they need is installed into $(VENV).
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= python3

.PHONY: demo demo-headless test lint types contract check policy-test live bench starters lock clean

# A page on this machine, until Ctrl-C: make demo PORT=8070 puts it elsewhere. Without a terminal nobody can end it, so
# then a scenario is played, printed, and done.
PORT = 8065
demo: $(VENV)/.installed
	@if [ -t 0 ] || [ -t 1 ]; then exec $(BIN)/sre-bot demo --port $(PORT); else exec $(BIN)/sre-bot demo --headless; fi

demo-headless: $(VENV)/.installed
	$(BIN)/sre-bot demo --headless

# Two at a time: most of what the tests do is wait for real servers.
test: $(VENV)/.installed
	$(BIN)/pytest -q -n 2 --dist loadfile

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

contract: $(VENV)/.installed
	$(BIN)/lint-imports

check: lint types contract test

policy-test: $(VENV)/.installed
	$(BIN)/pytest tests/unit/policies

live: $(VENV)/.installed
	$(BIN)/pytest tests/live

# What the model makes of the starter runbooks, shipped so that a first start need not embed them.
starters: $(VENV)/.installed
	$(BIN)/python -c 'from workers.memory.starters import main; main()'

# Pins what requirements*.in ask for; the files name no download address.
lock: $(VENV)/.installed
	$(BIN)/pip-compile -q --upgrade --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header -o requirements.txt requirements.in
	$(BIN)/pip-compile -q --upgrade --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header -c requirements.txt -o requirements-dev.txt requirements-dev.in

$(VENV)/.installed: requirements.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "sre-bot needs Python 3.11 or newer; set PYTHON=…"; exit 1; }
	@echo "Installing into $(VENV) (about 800 MB, a minute or two, once) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements.txt -r requirements-dev.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
