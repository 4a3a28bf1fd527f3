# Set-up, demo, tests and checks. Everything happens in .venv; PYTHON is any Python 3.11 or later.

PYTHON ?= python3
BIN := .venv/bin
GROUP := $(BIN)/.installed
LOWEST := .venv-lowest/bin
# as many processes as the machine has cores; more than four would want too much memory
PYTEST := -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal
# what has to work with the oldest versions of everything that pyproject.toml allows
SMOKE := tests/test_package.py tests/cli/test_info.py tests/cli/test_segment.py tests/io/session \
	tests/io/weights tests/io/test_atomic.py tests/io/test_labels.py tests/io/video \
	tests/plugin/test_manifest.py tests/plugin/test_preferences.py tests/plugin/docks/propagate

.PHONY: demo test test-pyside test-lowest fuzz check lint gpu-check docs clean

demo: $(GROUP)-run  ## follow the object of the bundled clip; results in demo_output/
	$(BIN)/napari-frtm demo

test: $(GROUP)-dev  ## run the tests
	@scripts/qt_libraries.sh $(BIN)/python
	QT_QPA_PLATFORM=offscreen $(BIN)/python $(PYTEST)

test-pyside: $(GROUP)-dev  ## run the plugin's tests with the other Qt binding
	@scripts/qt_libraries.sh $(BIN)/python
	QT_API=pyside6 PYTEST_QT_API=pyside6 QT_QPA_PLATFORM=offscreen \
		$(BIN)/python $(PYTEST) tests/plugin

test-lowest: $(LOWEST)/.installed  ## run some tests with the oldest versions allowed (Python 3.11)
	@scripts/qt_libraries.sh $(LOWEST)/python
	QT_QPA_PLATFORM=offscreen $(LOWEST)/python $(PYTEST) $(SMOKE) \
		-W ignore::DeprecationWarning -W ignore::FutureWarning

fuzz: $(GROUP)-dev  ## damaged files of every kind, 2800 of them
	FUZZ_CASES=400 QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest tests/fuzz -s

lint: $(GROUP)-dev  ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test test-pyside  ## all that has to pass

docs: $(GROUP)-docs  ## the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

gpu-check: $(GROUP)-dev  ## all that needs a GPU, as a report with the name of the card
	$(BIN)/python scripts/gpu_check.py --out gpu_report

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

$(GROUP)-docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable . --group docs
	touch $@ $(GROUP)-run

$(LOWEST)/.installed: pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] != (3, 11) and 'The lowest versions are those for Python 3.11; set PYTHON=python3.11.')"
	$(PYTHON) -m venv .venv-lowest
	$(LOWEST)/python -m pip install --quiet uv
	$(LOWEST)/uv pip install --quiet --python $(LOWEST)/python --resolution lowest-direct \
		--editable . --group test
	touch $@

clean:
	rm -rf .venv .venv-lowest demo_output gpu_report build dist site
