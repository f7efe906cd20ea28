# The two commands of the README, and what CI runs. Everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types performance simulation clips clean

demo: .venv/light  ## run the embedded clips offline; wrong answers (exit code 1) are the point, anything else is an error
	$(BIN)/pytest --tb=no || test $$? -eq 1

test: .venv/full  ## the suite's own tests, in two processes; what takes longest comes first
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder tests/integration tests

lint: .venv/full
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: .venv/full
	$(BIN)/mypy

performance: .venv/full  ## how fast the engine is beside a reference; some ten minutes, needs ffmpeg
	$(BIN)/python -m tests.performance

simulation: .venv/full  ## the tables of docs/statistics.md; some twenty minutes, needs the published annotations
	$(BIN)/python -m tests.performance.simulation

clips: .venv/light  ## draw the demo clips anew (needs espeak-ng)
	$(BIN)/python -m benchmark.demo.make_clips

.venv/light: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/full: .venv/light
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[hub,decord,local,ray,dev]'
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
