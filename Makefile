# Two commands do everything on a machine with Python 3.12 and make: `make demo` and `make test`.
PYTHON ?= python3.12
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint types readme notebooks calibrate bench clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo "Installing posynth and what it needs into $(VENV) (some minutes, once)"
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

demo: $(READY)  ## synthesise the embedded heart_failure table into demo/
	$(BIN)/posynth demo --out demo --overwrite

test: $(READY)  ## the default test run
	$(BIN)/python -m pytest -n 2 -q -m "not slow"

lint: $(READY)
	$(BIN)/ruff check src tests models
	$(BIN)/ruff format --check src tests models

types: $(READY)
	$(BIN)/mypy

readme: $(READY)  ## run the README's examples
	$(BIN)/python tests/readme.py

calibrate: $(READY)  ## the slow calibration studies, in full
	$(BIN)/python -m pytest -n 2 -q -m slow

notebooks: $(READY)  ## execute every notebook
	$(BIN)/python tests/notebooks.py

bench: $(READY)  ## time the main job and print the README's table
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) demo build dist src/*.egg-info
