# Two commands do everything on a fresh machine with Python 3.11, 3.12 or 3.13 and make:
#   make demo   sets up and runs the main job on the embedded task
#   make test   sets up and passes the tests
# Both can be repeated at any time and redo only what is out of date.

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do $$python -c '' 2>/dev/null && command -v $$python && break; done)
VENV ?= .venv
VENV_TF ?= .venv-tf
VENV_EXPORTS ?= .venv-exports
VENV_DOCS ?= .venv-docs
# Tests are small and many: two at a time with one thread each finish sooner than one with two.
JOBS ?= 2
SHARED ?= $(if $(VIDBENCH_SHARED),$(VIDBENCH_SHARED),../shared)
# Another torch (make test TORCH=2.6.0 VENV=.venv-torch-2.6.0) needs an environment of its own.
TORCH_PINNED := $(shell sed -n 's/^torch==//p' constraints.txt)
TORCH ?= $(TORCH_PINNED)
# Where torch comes from: empty for PyTorch's CPU builds where they suit, "default", or the address of an index.
TORCH_INDEX ?=
CONSTRAINTS = $(if $(filter $(TORCH),$(TORCH_PINNED)),constraints.txt,$(VENV)/constraints.txt)
PIP_FLAGS = --quiet --disable-pip-version-check
# One worker runs all tests of a file, which share fixtures; tests/longest_first.txt says which files start first.
SCHEDULE = --dist loadfile --no-loadscope-reorder
# Tests write thousands of small files, each to the disk itself; in memory, where 8 GiB are free, nothing waits for that.
IN_MEMORY := $(shell test "$$(df --output=avail /dev/shm 2>/dev/null | tail -1)" -gt 8388608 2>/dev/null && test -w /dev/shm && echo PYTEST_DEBUG_TEMPROOT=/dev/shm)
# Folders of tests that passed are removed.
RETENTION = -o tmp_path_retention_policy=failed
TEST_ENVIRONMENT = $(IN_MEMORY) OMP_NUM_THREADS=1 VIDBENCH_SHARED=$(abspath $(SHARED))
# Many tests import the packages in a process of their own; where Python is told to write no bytecode, each would compile them again.
COMPILE = $(VENV)/bin/python -m compileall -q vidbench metrics baselines

.PHONY: help setup setup-tensorflow demo test lint lint-code lint-format lint-files lint-workflows lint-security audit types unit coverage test-tensorflow \
  setup-exports test-exports setup-docs docs verify-boards \
  schema wheel hooks clean

help:
	@echo "make demo              set up, then evaluate dvdgan on shapes-gen (about 3 minutes on 2 cores)"
	@echo "make test              set up, then lint, types and tests (about 12 minutes on 2 cores)"
	@echo "make lint              ruff, bandit, the files themselves, workflows, issue forms and CITATION.cff (seconds)"
	@echo "make audit             look the pinned packages up in the registry's list of vulnerabilities, where one answers"
	@echo "make coverage          the tests once more, with the share of lines that they execute"
	@echo "make test-tensorflow   compare the I3D with TensorFlow, in a separate environment"
	@echo "make test-exports      read exported results and tasks with mlcroissant and huggingface_hub, in a separate environment"
	@echo "make docs              build the documentation as a site that can be searched, build/docs, in a separate environment"
	@echo "make verify-boards     make the measured rows of leaderboards/ again, with drawn seeds (about half an hour on 2 idle cores)"
	@echo "make schema            write docs/*.schema.json and vidmetrics/__init__.pyi from what they describe"
	@echo "make wheel             build dist/vidbench-VERSION-py3-none-any.whl"
	@echo "make hooks             run lint and types before every commit (pre-commit)"
	@echo "TORCH_INDEX=URL        with the first two: where torch comes from (default: builds without CUDA where no NVIDIA driver is)"
	@echo "make clean             remove the environments, caches and builds that these commands made"

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python found: install Python 3.11, 3.12 or 3.13, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11; name a newer one: make $(MAKECMDGOALS) PYTHON=/path/to/python"; exit 2; }
	@echo "== setting up $(VENV) with $(PYTHON) and torch $(TORCH): about 2 minutes the first time"
	@# An environment without pip is left behind where a system has Python without ensurepip.
	@$(VENV)/bin/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@# An older or newer torch brings its own versions of sympy and setuptools.
	@sed -e 's/^torch==.*/torch==$(TORCH)/' -e '/^sympy==/d' constraints.txt > $(VENV)/constraints.txt
	@$(VENV)/bin/python tools/install_torch.py $(TORCH) --constraint $(CONSTRAINTS) --index "$(TORCH_INDEX)"
	@$(VENV)/bin/python -m pip install $(PIP_FLAGS) --constraint $(CONSTRAINTS) --editable '.[dev]'
	@touch $@

demo: setup
	@echo "== vidbench evaluate --model dvdgan --task shapes-gen"
	@$(VENV)/bin/vidbench evaluate --model dvdgan --task shapes-gen

# mypy takes as long as all linters together. Make 4 keeps the output of each target together.
test: setup
	@$(MAKE) --no-print-directory --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) types lint audit
	@$(MAKE) --no-print-directory unit

lint: lint-code lint-format lint-files lint-workflows lint-security

lint-code: setup
	@echo "== ruff check"
	@$(VENV)/bin/ruff check --quiet .

lint-format: setup
	@echo "== ruff format"
	@$(VENV)/bin/ruff format --quiet --check .

lint-files:
	@echo "== files"
	@$(or $(PYTHON),python3) tools/check_files.py

lint-workflows: setup
	@echo "== workflows, issue forms, CITATION.cff"
	@$(VENV)/bin/python -m check_jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(VENV)/bin/python -m check_jsonschema -q --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(VENV)/bin/python -m check_jsonschema -q --builtin-schema vendor.github-issue-forms \
	  $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	@$(VENV)/bin/python -m check_jsonschema -q --builtin-schema vendor.citation-file-format CITATION.cff
	@$(VENV)/bin/zizmor --offline --quiet --no-progress .github/workflows

lint-security: setup
	@echo "== bandit"
	@$(VENV)/bin/python -m bandit --quiet --configfile pyproject.toml --recursive vidbench metrics/vidmetrics baselines/dvdgan tools

audit: setup
	@echo "== known vulnerabilities of the pinned packages"
	@$(VENV)/bin/python tools/audit.py

types: setup
	@echo "== mypy"
	@$(VENV)/bin/mypy

unit: setup
	@echo "== pytest"
	@$(COMPILE)
	@$(TEST_ENVIRONMENT) $(VENV)/bin/python -m pytest -n $(JOBS) $(SCHEDULE) $(RETENTION)

coverage: setup
	@echo "== pytest under coverage"
	@$(COMPILE)
	@$(TEST_ENVIRONMENT) $(VENV)/bin/python -m pytest -n $(JOBS) $(SCHEDULE) $(RETENTION) --cov --cov-report=term --cov-report=html:build/coverage

setup-tensorflow: $(VENV_TF)/.installed

$(VENV_TF)/.installed: constraints.txt
	@echo "== setting up $(VENV_TF): TensorFlow alone, about 1 minute the first time"
	@test -x $(VENV_TF)/bin/python || $(PYTHON) -m venv $(VENV_TF)
	@$(VENV_TF)/bin/python -m pip install $(PIP_FLAGS) --constraint constraints.txt tensorflow-cpu tensorflow-hub
	@touch $@

# TensorFlow and torch never share a process: TensorFlow writes its answers to a file, and ours are compared with that file.
test-tensorflow: setup setup-tensorflow
	@echo "== the published I3D graph, run by TensorFlow"
	@mkdir -p build
	@$(VENV_TF)/bin/python tests/oracles/i3d_tensorflow.py --shared $(SHARED) --output build/i3d_oracle.npz
	@VIDBENCH_TF_ORACLE=$(abspath build/i3d_oracle.npz) $(VENV)/bin/python -m pytest tests/vidmetrics/networks/test_i3d_tensorflow.py
	@echo "== a TF-Hub module written by TensorFlow, read without it"
	@$(VENV_TF)/bin/python $(SHARED)/tools/seeded_i3d_module.py build/seeded_module
	@VIDBENCH_TF_MODULE=$(abspath build/seeded_module) $(VENV)/bin/python -m pytest tests/vidmetrics/weights/test_importing_tensorflow.py

setup-exports: $(VENV_EXPORTS)/.installed

$(VENV_EXPORTS)/.installed: constraints.txt
	@echo "== setting up $(VENV_EXPORTS): the packages that read what is exported, about 1 minute the first time"
	@test -x $(VENV_EXPORTS)/bin/python || $(PYTHON) -m venv $(VENV_EXPORTS)
	@$(VENV_EXPORTS)/bin/python -m pip install $(PIP_FLAGS) --constraint constraints.txt mlcroissant huggingface_hub
	@touch $@

# mlcroissant brings type stubs of pandas, which would change what mypy finds.
test-exports: setup setup-exports
	@VIDBENCH_EXPORT_READERS=$(abspath $(VENV_EXPORTS)/bin/python) $(VENV)/bin/python -m pytest tests/vidbench/jobs/test_export_result.py

setup-docs: $(VENV_DOCS)/.installed

# API pages are read from the sources, so neither vidbench nor torch is installed.
$(VENV_DOCS)/.installed: constraints.txt
	@echo "== setting up $(VENV_DOCS): mkdocs-material, about half a minute the first time"
	@test -x $(VENV_DOCS)/bin/python || $(PYTHON) -m venv $(VENV_DOCS)
	@$(VENV_DOCS)/bin/python -m pip install $(PIP_FLAGS) --constraint constraints.txt mkdocs-material 'mkdocstrings[python]' ruff
	@touch $@

# A page that the navigation does not name, or a link or an anchor that leads nowhere, fails. With --quiet mkdocs would count no warning.
docs: setup-docs
	@echo "== the documentation site in build/docs"
	@NO_MKDOCS_2_WARNING=1 PATH="$(abspath $(VENV_DOCS)/bin):$$PATH" $(VENV_DOCS)/bin/python -m mkdocs build

# On demand and not in CI of every commit: nine evaluations of each result.
verify-boards: setup
	@$(VENV)/bin/python tools/verify_boards.py

schema: setup
	@$(VENV)/bin/python tools/write_schemas.py
	@$(VENV)/bin/python tools/write_stub.py

wheel: setup
	@$(VENV)/bin/python -m hatchling build -t wheel

hooks: setup
	@$(VENV)/bin/python -m pre_commit install

clean:
	rm -rf $(VENV) $(VENV_TF) $(VENV_EXPORTS) $(VENV_DOCS) build dist .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
