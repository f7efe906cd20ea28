# The two commands of the README, and what CI runs. Everything is installed into $(VENV).
VENV ?= .venv
LOCK ?= requirements.lock
BIN := $(VENV)/bin
# an environment stays with the Python that made it, unless another is asked for
PYTHON ?= $(if $(wildcard $(VENV)/light),$(BIN)/python,python3)
WHICH := -c 'import sys; sys.version_info >= (3, 11) and print(sys.base_prefix, sys.version)' 2>/dev/null
ASKED := $(shell $(PYTHON) $(WHICH))
ifneq ($(and $(ASKED),$(wildcard $(VENV)/pyvenv.cfg)),)
ifneq ($(ASKED),$(shell $(BIN)/python $(WHICH)))
$(shell rm -rf $(VENV))
endif
endif
# pip reads the first for the suite's packages, and until 26.2 for what builds it; from then on the second for that
INSTALL := PIP_CONSTRAINT=$(LOCK) PIP_BUILD_CONSTRAINT=$(LOCK) $(BIN)/python -m pip install --quiet --disable-pip-version-check
REQUIRES := $(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'
UV := .venv-uv/bin/uv
COMPILE = $(REQUIRES) | UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --all-extras --no-annotate
LITELLM := .venv-litellm
BIOME := npm_config_fetch_retries=0 npx --yes @biomejs/biome@2.6.8
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test unit litellm lint types lock newest lowest performance simulation mutation clips python clean

demo: $(VENV)/light  ## run the embedded clips offline; wrong answers are the point, a sample without a score is an error
	$(BIN)/python -m benchmark.demo

test: $(VENV)/full  ## the suite's own tests, in two processes
	$(BIN)/pytest $(PARALLEL) tests

unit: $(VENV)/unit  ## those that start no runs, without what needs torch, Ray or a browser
	$(BIN)/pytest $(PARALLEL) --ignore=tests/integration tests

litellm: $(LITELLM)/done  ## LiteLLM's proxy, for the tests that need a real one; they skip without it

lint: $(VENV)/full
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	@if $(BIOME) --version >/dev/null 2>&1; then $(BIN)/python -m tests.page_scripts .page-scripts && $(BIOME) ci; \
	else echo "Without npx, or without npm's registry, the page's JavaScript was not checked."; fi

types: $(VENV)/full
	$(BIN)/mypy

lock: python $(UV)  ## renew requirements.lock: the newest releases that pyproject.toml allows, of which each machine has a wheel
	$(COMPILE) --universal --python-version 3.11 --upgrade --output-file requirements.lock pyproject.toml -
	for python in 3.11 3.12 3.13 3.14; do for machine in x86_64-manylinux_2_28 aarch64-manylinux_2_28 aarch64-apple-darwin; do \
		MACOSX_DEPLOYMENT_TARGET=14.0 $(UV) pip compile --quiet --all-extras --only-binary :all: --constraint requirements.lock \
			--python-version $$python --python-platform $$machine pyproject.toml >/dev/null || exit 1; \
	done; done
	echo 'litellm[proxy]' | UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --no-annotate --universal \
		--python-version 3.11 --upgrade --output-file tests/litellm.lock -

newest:  ## the suite's tests with the newest release of everything that pyproject.toml allows
	rm -rf .venv-newest
	MME_EMOTION_UNLOCKED=1 $(MAKE) PYTHON=$(PYTHON) VENV=.venv-newest LOCK=/dev/null demo test

lowest: python $(UV)  ## the same with the oldest
	rm -rf .venv-lowest
	$(COMPILE) --python $(PYTHON) --resolution lowest-direct --only-binary :all: --output-file .venv-uv/lowest.txt pyproject.toml -
	MME_EMOTION_UNLOCKED=1 $(MAKE) PYTHON=$(PYTHON) VENV=.venv-lowest LOCK=.venv-uv/lowest.txt demo test

performance: $(VENV)/full  ## how fast the engine is beside a reference; some ten minutes, needs ffmpeg
	$(BIN)/python -m tests.performance

simulation: $(VENV)/full  ## the tables of docs/statistics.md; some twenty minutes, needs the published annotations
	$(BIN)/python -m tests.performance.simulation

mutation: $(VENV)/full  ## small changes of the code that no test notices, a few hours; MODULES=reports/gate/verdict.py, SAMPLE=40 for less
	$(BIN)/python -m tests.mutation $(MODULES) $(if $(SAMPLE),--sample $(SAMPLE))

clips: $(VENV)/light  ## draw the demo clips anew (needs espeak-ng)
	$(BIN)/python -m tests.demo_clips.make_clips

python:
	@test -n "$(ASKED)" \
		|| { echo "Python 3.11 or newer is needed, and $(PYTHON) is not: make PYTHON=python3.11" >&2; exit 1; }

$(VENV)/light: pyproject.toml $(LOCK) | python
	test -e $@ || $(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) --editable .
	touch $@

$(VENV)/unit: $(VENV)/light
	$(INSTALL) --editable '.[hub,decord,text,test]'
	touch $@

$(VENV)/full: $(VENV)/light
	$(INSTALL) --editable '.[hub,decord,local,ray,text,dev]'
	touch $@

# an environment of its own: what else it needs is its own affair
$(LITELLM)/done: tests/litellm.lock | python
	$(PYTHON) -m venv --clear $(LITELLM)
	$(LITELLM)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	touch $@

$(UV): | python
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check uv

clean:
	rm -rf .venv .venv-* .page-scripts .mypy_cache .ruff_cache .pytest_cache .hypothesis
