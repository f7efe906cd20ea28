"""`mme-emotion rejudge`: judges the kept answers of a run anew."""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.data.dataset import places_of_data
from benchmark.errors import RunError
from benchmark.suite import suite_of
from evaluators.measures import measures_of
from reports.commands.parser import Commands
from reports.kept.length import settings_in
from reports.kept.past import read_past

PYTEST = (sys.executable, "-m", "pytest", "--pyargs", "benchmark")
PLUGINS = tuple(part for name in ("benchmark", "evaluators", "reports") for part in ("-p", f"{name}.plugin"))
BRIEF = ("--tb=no", "-rN")

SETTINGS = ("frames", "fps", "decoder", "thoughts")
"""The settings of a run that the judge's view of an answer depends on, and that are options by the same name."""

NOT_ASKED = ("--model", "--base-url", "--api-key-env", "--model-option", "--suite", "--answered-only")
"""Options of what is not asked again."""


def add_rejudge(commands: Commands) -> None:
    """Declares the command `rejudge`."""
    rejudge = commands.add_parser(
        "rejudge",
        help="judge the kept answers of a run anew, by another judge, without asking the model",
        usage="mme-emotion rejudge RUN --judge=SPEC [--extractor=SPEC] [--run-dir=DIR] [options of a run]",
        description="Judges the kept answers of a run anew, on the same data and by the same steps, unless --extractor "
        "splits the answers again. The model is not asked, and needs no key. First prints what this will cost; what is "
        "judged once is cached, so that the same command goes on where it was stopped. All other options are those of "
        "a run, such as --limit=200, --max-cost=5, --gate=FILE or -n 2.",
    )
    rejudge.add_argument("run_dir", type=Path, metavar="RUN")
    rejudge.add_argument("options", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    rejudge.set_defaults(run=_rejudge)


def _rejudge(asked: argparse.Namespace) -> int:
    run, given = asked.run_dir, asked.options
    provenance = read_past(run).report.provenance
    arguments = [*_arguments(run, provenance, given), *given]
    command = [*PYTEST, *PLUGINS, *BRIEF, *arguments]
    if "--estimate" not in given:
        told = subprocess.run([*command, "--estimate", "-q"], check=False)  # noqa: S603  the suite's own command
        if told.returncode != 0:
            return told.returncode
    sys.stdout.flush()
    return os.execv(command[0], command)  # noqa: S606  signals then reach the run itself, its exit code the caller


def _arguments(run: Path, provenance: Mapping[str, Any], given: Sequence[str]) -> Iterator[str]:
    """The options of the new run that follow from the old one; those that were given come after them.

    Raises:
        RunError: options are missing or make no sense here, or the run's data is not on this machine.
    """
    flags = {option.partition("=")[0] for option in given}
    for flag in NOT_ASKED:
        if flag in flags:
            raise RunError(f"{flag} does not apply: rejudge takes the answers of {run}.")
    if any(task.turns for task in suite_of(provenance).tasks.values()):
        raise RunError(f"The judge of {run} played the user of its dialogues; another judge would hold other ones.")
    needed = measures_of(suite_of(provenance)).roles
    wanted = [f"--{role}" for role in ("judge", "extractor") if role in needed]
    if not wanted:
        raise RunError(f"No judge or extractor is asked by the suite of {run}, {suite_of(provenance).name}.")
    if flags.isdisjoint(wanted):
        raise RunError(f"Name who judges anew: {' or '.join(f'{flag}=SPEC' for flag in wanted)}.")
    yield from (f"--model=answers:{run}", "--answered-only", f"--suite={suite_of(provenance).name}")
    if "--data" not in flags:
        yield from _data(run, provenance)
    if "--extractor" not in flags and "extractor" in needed:
        if any(metric.roles == {"extractor"} for metric in measures_of(suite_of(provenance)).metrics.values()):
            raise RunError(f"Name an extractor with --extractor=SPEC: not all tasks of {run} have kept steps.")
        yield f"--extractor=steps:{run}"
    settings = settings_in(provenance)
    yield from (f"--{name}={settings[name]}" for name in SETTINGS if settings.get(name) is not None)
    if settings.get("spread"):
        yield "--spread"
    if settings.get("sound_seconds") is not None:
        yield f"--clip-limits=sound_seconds={settings['sound_seconds']:g}"


def _data(run: Path, provenance: Mapping[str, Any]) -> Sequence[str]:
    """The options that name the run's data, one for each suite.

    Raises:
        RunError: the run does not say where they are, or they are not there.
    """
    written = shlex.split(provenance.get("arguments") or "")
    data = [part for part in written if part.startswith("--data=")]
    if not data:
        raise RunError(f"{run} does not say which data it used: name it with --data.")
    given = [part.removeprefix("--data=") for part in data]
    for place in map(Path, places_of_data(given, suite_of(provenance)).values()):
        if place.is_absolute() and not place.exists():
            raise RunError(f"The data of {run}, {place}, is not there: say where it is with --data.")
    return data
