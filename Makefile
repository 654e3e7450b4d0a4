# Two commands do everything on a fresh machine with Python 3.11 and make:
#   make demo   sets up and runs the main job on the embedded task
#   make test   sets up and passes the tests
# Both may be run again at any time and do only what is still to be done.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
VENV_TF ?= .venv-tf
# Tests are small and many: two at a time with one thread each finish sooner than one with two.
JOBS ?= 2
SHARED ?= $(if $(VIDBENCH_SHARED),$(VIDBENCH_SHARED),../shared)
PIP_FLAGS = --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help setup demo test lint types unit test-tensorflow schema clean

help:
	@echo "make demo              set up, then evaluate dvdgan on shapes-gen (about 3 minutes on 2 cores)"
	@echo "make test              set up, then lint, types and tests (under 10 minutes on 2 cores)"
	@echo "make test-tensorflow   hold the I3D against TensorFlow, in an environment of its own"
	@echo "make clean             remove the environments and caches that these commands made"

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "== setting up $(VENV) with $(PYTHON): about 2 minutes the first time"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install $(PIP_FLAGS) torch==2.13.0
	@$(VENV)/bin/python -m pip install $(PIP_FLAGS) --editable '.[dev]'
	@touch $@

demo: setup
	@echo "== vidbench evaluate --model dvdgan --task shapes-gen"
	@$(VENV)/bin/vidbench evaluate --model dvdgan --task shapes-gen

test: lint types unit

lint: setup
	@echo "== ruff"
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --quiet --check .

types: setup
	@echo "== mypy"
	@$(VENV)/bin/mypy

unit: setup
	@echo "== pytest"
	@OMP_NUM_THREADS=1 VIDBENCH_SHARED=$(abspath $(SHARED)) $(VENV)/bin/python -m pytest -n $(JOBS) --dist loadfile

$(VENV_TF)/.installed: constraints.txt
	@echo "== setting up $(VENV_TF): TensorFlow alone, about 1 minute the first time"
	@test -x $(VENV_TF)/bin/python || $(PYTHON) -m venv $(VENV_TF)
	@$(VENV_TF)/bin/python -m pip install $(PIP_FLAGS) tensorflow-cpu tensorflow-hub
	@touch $@

# TensorFlow never meets torch in one process: its environment writes answers to a file, ours is held against them.
test-tensorflow: setup $(VENV_TF)/.installed
	@echo "== the published I3D graph, run by TensorFlow"
	@mkdir -p build
	@$(VENV_TF)/bin/python tests/oracles/i3d_tensorflow.py --shared $(SHARED) --output build/i3d_oracle.npz
	@VIDBENCH_TF_ORACLE=$(abspath build/i3d_oracle.npz) $(VENV)/bin/python -m pytest tests/vidmetrics/networks/test_i3d_tensorflow.py
	@echo "== a TF-Hub module written by TensorFlow, read without it"
	@$(VENV_TF)/bin/python $(SHARED)/tools/seeded_i3d_module.py build/seeded_module
	@VIDBENCH_TF_MODULE=$(abspath build/seeded_module) $(VENV)/bin/python -m pytest tests/vidmetrics/weights/test_importing_tensorflow.py

schema: setup
	@$(VENV)/bin/python tools/write_schemas.py

clean:
	rm -rf $(VENV) $(VENV_TF) build .pytest_cache .mypy_cache .ruff_cache .hypothesis
