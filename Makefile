# Set-up, demo, tests and checks. Everything happens in .venv; PYTHON is any Python 3.11 or later.

PYTHON ?= python3
BIN := .venv/bin
GROUP := $(BIN)/.installed

.PHONY: demo test fuzz check lint clean

demo: $(GROUP)-run  ## follow the object of the bundled clip; results in demo_output/
	$(BIN)/napari-frtm demo

test: $(GROUP)-dev  ## run the tests
	@scripts/qt_libraries.sh $(BIN)/python
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest

fuzz: $(GROUP)-dev  ## damaged files of every kind, 2400 of them
	FUZZ_CASES=400 QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest tests/fuzz -s

lint: $(GROUP)-dev  ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## all that has to pass

$(BIN)/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or later is needed; set PYTHON=...')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(GROUP)-run: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(GROUP)-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@ $(GROUP)-run

clean:
	rm -rf .venv demo_output build dist
