# make run    the server on 127.0.0.1:60215, with everything it needs
# make quick  the tests that start no process and load no model: under a minute
# make test   all tests that need nothing but Python and make; ARGS are pytest's
# make test-system  the tests that need Debian's packages: a browser, PostgreSQL, nginx; root has them installed
# make coverage     which lines and branches of the cores their own tests run
# make check  format, lint and types
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run quick test test-system coverage check format clean

run: $(VENV)/.run
	@$(BIN)/python manage.py setup
	@exec $(BIN)/python manage.py serve

quick: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 tests/pure $(ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

coverage: $(VENV)/.test
	.ci/coverage

test-system: $(VENV)/.test
	.ci/system-packages
	$(BIN)/python -m pytest tests/system $(ARGS)

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

$(VENV)/.run: $(VENV)/bin/python requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements.txt
	@touch $@

$(VENV)/.test: $(VENV)/bin/python requirements.txt requirements-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	@touch $@ $(VENV)/.run
