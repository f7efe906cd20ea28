"""Which small changes of the code do the tests not notice? `make mutation` says it of the modules in modules.toml.

mutmut makes the changes. Its runner leaves out constants and all that is decorated, and has no tests for each module.
So here each mutant lies in a copy of the tree, in a process forked from one that has imported all libraries.
"""

import argparse
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from importlib.util import cache_from_source
from multiprocessing import get_context
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from hypothesis import Phase, settings

from tests.mutation.mutants import find_mutants

ROOT, FORK = Path(__file__).parents[2], get_context("fork")
OURS = {"benchmark", "evaluators", "reports", "tests", "conftest", "__main__"}


def run_tests(tests: Sequence[str], limit: float) -> tuple[str, list[str]]:
    """What becomes of a mutant in a process of its own; if it survives, also the modules that it has imported."""
    here, there = FORK.Pipe(duplex=False)
    if not (child := os.fork()):
        os.setsid()
        settings.register_profile("mutation", deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(silent, stream)
        failed = pytest.main(["-xq", "--tb=no", "-pno:cacheprovider", "--hypothesis-profile=mutation", *tests])
        there.send(("killed", []) if failed else ("survived", list(sys.modules)))
        os._exit(0)
    there.close()
    outcome: tuple[str, list[str]] = ("timeout", [])
    with suppress(EOFError):
        outcome = here.recv() if here.poll(limit) else outcome
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return outcome


def examine(module: str, terms: Mapping[str, Any], most: int | None) -> Counter[str]:
    """How many of the module's mutants are killed, survive, are explained, or run out of time; prints the survivors."""
    with tempfile.TemporaryDirectory() as copy:
        command = ("git", "ls-files", "-co", "--exclude-standard", "-z")
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(lambda name: (ROOT / name).is_file(), listed.split("\0")):
            (Path(copy) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, Path(copy) / name)
        os.chdir(copy)
        sys.path[0] = os.environ["PYTHONPATH"] = copy
        limit, outcomes = prepare(module, terms["tests"]), Counter[str]()
        for change, mutant in find_mutants(Path(module).read_text("utf-8"), most):
            Path(module).write_text(mutant, "utf-8")
            outcome, _ = run_tests(terms["tests"], limit)
            if outcome == "survived":
                reason = terms.get("equivalent", {}).get(change.partition(": ")[2])
                outcome = "equivalent" if reason else "survived"
                print(f"{module}:{change}  ({reason or 'SURVIVED'})", flush=True)
            outcomes[outcome] += 1
        os.chdir(ROOT)
    return outcomes


def prepare(module: str, tests: Sequence[str]) -> float:
    """Imports all that the tests import but the suite, whose bytecode it keeps; how many seconds a mutant may take."""
    sys.dont_write_bytecode, started = False, monotonic()
    outcome, imported = run_tests(tests, limit=900)
    if outcome != "survived":
        raise RuntimeError(f"{module}: {' '.join(tests)} must pass before anything is changed")
    limit = 10 + 5 * (monotonic() - started)
    Path(cache_from_source(module)).unlink(missing_ok=True)
    sys.dont_write_bytecode, os.environ["PYTHONDONTWRITEBYTECODE"] = True, "1"
    for name in (name for name in imported if name.split(".")[0] not in OURS):
        with suppress(Exception):
            importlib.import_module(name)
    return limit


def main() -> int:
    """Prints survivors as they are found, and a line for each module; 1 if one of them is not explained."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Changes that no test notices.")
    parser.add_argument("modules", nargs="*", help="such as reports/gate/verdict.py; all of modules.toml if none")
    parser.add_argument("--sample", type=int, help="only so many mutants of each module, always the same")
    options, survived = parser.parse_args(), 0
    known = tomllib.loads((ROOT / "tests/mutation/modules.toml").read_text("utf-8"))
    with ProcessPoolExecutor(os.cpu_count(), mp_context=FORK) as pool:
        begun = {pool.submit(examine, name, known[name], options.sample): name for name in options.modules or known}
        for done in as_completed(begun):
            if error := done.exception():
                print(f"{begun[done]}: {error}", flush=True)
            outcomes = Counter(survived=1) if error else done.result()
            counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
            print(f"{begun[done]}: {outcomes.total()} mutants, {counts}", flush=True)
            survived += outcomes["survived"]
    return min(survived, 1)


if __name__ == "__main__":
    sys.exit(main())
