# demo and test need nothing but Python 3.11 with venv, and make.
PYTHON ?= python3
BIN := .venv/bin
# A process a core, four at most for memory; each goes on with whole files while there are some.
PYTEST := $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist worksteal
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test quick check check-static format bench detectors clean

demo: .venv/.listening
	@$(BIN)/sonoscope demo --out sonoscope-demo

test: .venv/.learning
	$(PYTEST)

quick: .venv/.learning
	$(PYTEST) -m "not slow and not shared"

check: check-static test

check-static: .venv/.learning
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.learning
	$(BIN)/ruff format src tests bench
	$(BIN)/ruff check --fix src tests bench

bench: .venv/.learning
	$(BIN)/python -m bench

# The shipped detectors again, into runs/; DATA holds esc50/ and digits/. Stopped, it goes on.
SHIPPED := src/sonoscope/inference/shipped
detectors: .venv/.learning
	$(BIN)/sonoscope train recipes/detector.toml --data $(DATA) --out runs/detector --threads 1 --resume
	for format in foa tetra; do \
	  $(BIN)/sonoscope train recipes/detector_$$format.toml --data $(DATA) --out runs/$$format --threads 1 --resume \
	    --init runs/detector/checkpoint-008000.safetensors && \
	  $(BIN)/sonoscope export runs/$$format/checkpoint-001000.safetensors --data $(DATA) \
	    --name $$format --out $(SHIPPED)/$$format.onnx || exit 1; \
	done

clean:
	rm -rf .venv sonoscope-demo

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.listening: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable .
	@touch $@

# torch goes first: a range that admits a newer release would fetch gigabytes of another build.
.venv/.learning: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) torch==2.13.0
	$(PIP) --editable ".[train,dev]"
	@touch .venv/.listening $@
