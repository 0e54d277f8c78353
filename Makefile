# make run    the server on 127.0.0.1:60215, with everything it needs
# make xtts   installs what XTTS needs, PyTorch with its 6 GB among it; make run does so by itself for a checkpoint
# make quick  the tests that start no process and load no model: under a minute
# make test   all tests that need nothing but Python and make; ARGS are pytest's
# make test-system  the tests that need Debian's packages: a browser, PostgreSQL, nginx; root has them installed
# make test-browser those of them with a browser
# make chaos  10 000 sessions beside faults of everything, for about half an hour; ARGS="--sessions 500" for less
# make coverage     which lines and branches of the cores their own tests run
# make messages   brings the Russian catalogs in step with the sources, and compiles them
# make check  format, lint and types
PYTHON ?= python3
# Processes that run tests: more than there are cores, since a test waits for more than half of its time, for speech that comes as
# fast as it is spoken, say. Four keep two cores busy for 70 % of the time. Each takes about 2 GB.
WORKERS ?= 6
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run xtts quick test test-system test-browser chaos coverage messages check format clean

run: $(VENV)/.server
	@$(BIN)/python manage.py setup
	@if $(BIN)/python -m xtts_site.config uses-xtts && ! $(MAKE) -q xtts; then \
		echo "The settings name an XTTS checkpoint: installing what XTTS needs (make xtts). This takes minutes, once."; \
		$(MAKE) --no-print-directory xtts; \
	fi
	@exec $(BIN)/python manage.py serve

xtts: $(VENV)/.xtts

# Where the environment has Python keep no byte code, every process of the tests would compile what it imports, pytest's plugins
# first of all; tests/conftest.py comes too late for these.
ifneq ($(PYTHONDONTWRITEBYTECODE),)
quick test test-system test-browser: export PYTHONDONTWRITEBYTECODE :=
quick test test-system test-browser: export PYTHONPYCACHEPREFIX := $(CURDIR)/.pytest_cache/bytecode
endif

quick: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 tests/pure $(ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: $(VENV)/.test
	.ci/coverage

test-system: $(VENV)/.test
	.ci/system-packages
	$(BIN)/python -m pytest tests/system $(ARGS)

test-browser: $(VENV)/.test
	.ci/system-packages
	$(BIN)/python -m pytest tests/system/browser $(ARGS)

chaos: $(VENV)/.test
	$(BIN)/python -m benchmarks.chaos $(ARGS)

messages: $(VENV)/.test
	$(BIN)/python -m tests.catalogs

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Byte code is made when it is first imported: most of it never is.
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-compile -q

$(VENV)/.server: $(VENV)/bin/python requirements-server.txt
	$(PIP) -r requirements-server.txt
	@touch $@

$(VENV)/.xtts: $(VENV)/bin/python requirements-server.txt requirements-xtts.txt
	$(PIP) -r requirements.txt
	@touch $@ $(VENV)/.server

$(VENV)/.test: $(VENV)/bin/python requirements-server.txt requirements-xtts.txt requirements-dev.txt
	$(PIP) -r requirements-dev.txt
	@touch $@ $(VENV)/.server $(VENV)/.xtts
