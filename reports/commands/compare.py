"""`mme-emotion compare` and `power`: the differences between two runs, and how many samples are needed to show one."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import RunError
from benchmark.options import parts_of
from benchmark.suite import suite_of
from evaluators.measures import measures_of
from evaluators.metrics.metric import Measure
from reports.commands.interrupt import uninterrupted
from reports.commands.labels import add_labels, labels_in
from reports.commands.parser import Commands
from reports.figures.labels import LEAST, corrected_difference
from reports.gate.compare import compare
from reports.gate.power import CHANGED, POWER, pilot_of
from reports.kept.past import COMPARED, PastRun, read_past, refuse_unlike
from reports.page.compare_page import write_compare_page
from reports.say import say
from reports.tables.compare import difference_rows
from reports.tables.labels import label_difference_rows, label_notes
from reports.tables.power import power_rows
from reports.tables.table import as_text


def add_comparisons(commands: Commands) -> None:
    """Declares the commands `compare` and `power`."""
    compared = commands.add_parser("compare", help="compare two runs: differences by task with paired 95 %% intervals")
    compared.add_argument("first", type=Path, metavar="RUN", help="the earlier run")
    compared.add_argument("second", type=Path, metavar="OTHER", help="the later run")
    compared.add_argument("--allow", default="", metavar="LIST", help=f"what may differ: {', '.join(COMPARED)}")
    compared.add_argument("--html", type=Path, metavar="OUT.html", help="write a page with the samples side by side")
    add_labels(compared)
    compared.set_defaults(run=_compare)
    power = commands.add_parser("power", help="compute how many samples a verdict needs")
    power.add_argument(
        "--drop", type=_share, required=True, metavar="D", help="the drop that the gate allows: 0.02 is two points"
    )
    power.add_argument("--runs", type=Path, nargs=2, metavar="RUN", help="two runs that show how often answers change")
    power.add_argument(
        "--score", metavar="NAME", help="score of the runs, or SUITE/NAME (default: the first in their tables)"
    )
    power.add_argument("--error-rate", type=_share, default=0.05, metavar="E", help="gate's error rate (default: 0.05)")
    power.add_argument("--power", type=_share, default=POWER, metavar="P", help=f"power of the test (default: {POWER})")
    power.set_defaults(run=_power)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be a number between 0 and 1, got {text}")
    return value


def _measure(run: PastRun, name: str | None) -> tuple[Measure, str]:
    """The score of that name, and its place; scores of several suites are called `SUITE/SCORE`."""
    suite = suite_of(run.report.provenance)
    known = {
        f"{place}/{measure.name}" if suite.members else measure.name: (measure, place)
        for place, member in suite.places.items()
        for measure in measures_of(member).by_name.values()
    }
    if name is not None and name not in known:
        raise RunError(f"--score={name} is not a score of {run.path}; choose one of {', '.join(known)}.")
    return known[name or next(iter(known))]


def _compare(asked: argparse.Namespace) -> None:
    first, second = read_past(asked.first), read_past(asked.second)
    refuse_unlike(first, second.report.provenance, parts_of(asked.allow), flag="--allow")
    differences = compare(first, second)
    if not differences:
        raise RunError(f"{asked.first} and {asked.second} have no scored sample in common; compare other runs.")
    by_people = ["", *_by_people(parts_of(asked.labels), first, second)] if asked.labels else []
    say(f"First {first.report.model} ({asked.first}), second {second.report.model} ({asked.second}); in percent")
    say(*as_text(difference_rows(differences)), *by_people)
    if asked.html:
        with uninterrupted(str(asked.html)):
            left_out = write_compare_page(asked.html, first, second, differences)
        say("", *left_out, f"The page is {asked.html}")
    say("", "p: two-sided test of no difference; for tasks, adjusted over all tasks of the score (Holm)")


def _by_people(files: Sequence[str], first: PastRun, second: PastRun) -> list[str]:
    """The differences as people would see them, as a table and sentences."""
    sheet, before = labels_in(files, first)
    _, after = labels_in(files, second)
    pairs = [(one, second.records[name]) for name, one in sorted(first.records.items()) if name in second.records]
    found = [
        (measure, place, estimate)
        for whole, suite in suite_of(second.report.provenance).places.items()
        for measure in measures_of(suite).by_name.values()
        for place in (whole, *suite.tasks)
        if measures_of(suite).has(place, measure.name)
        and (estimate := corrected_difference(measure, place, pairs, before, after)) is not None
    ]
    if not found:
        raise RunError(
            f"{sheet.path} rates both answers of too few samples to estimate a difference; rate those of {LEAST} or"
            " more recordings in both runs."
        )
    return [*as_text(label_difference_rows(found)), *label_notes(sheet, (before, after), found)]


def _power(asked: argparse.Namespace) -> None:
    """Prints how many samples show a drop; two runs, the pilot, tell how often answers change."""
    pilot = None
    if asked.runs:
        first, second = map(read_past, asked.runs)
        pilot = pilot_of(first, second, *_measure(first, asked.score))
    say(
        f"To show, with power {asked.power:.0%} and error rate {asked.error_rate:.0%}, that a score is at most "
        f"{100 * asked.drop:.1f} points below the baseline's, if nothing has really changed:"
    )
    say(*as_text(power_rows(asked.drop, pilot, error=asked.error_rate, power=asked.power)))
    if pilot is None:
        say(
            "",
            f"Without runs to estimate it from, assume {CHANGED:.0%}; --runs RUN OTHER estimates it, with clustering.",
        )
