"""`mme-emotion rate`: a page in which people rate answers."""

import argparse
import webbrowser
from pathlib import Path

from benchmark.errors import RunError
from benchmark.suite import suite_of
from evaluators.measures import measures_of
from reports.commands.interrupt import uninterrupted
from reports.commands.parser import Commands
from reports.figures.choosing import choose, worth_of
from reports.kept.past import read_past
from reports.page.rate_page import write_rate_page
from reports.say import say, tell
from reports.tables.labels import worth_rows
from reports.tables.table import as_text

SIZES = (50, 100, 200, 400, 1000, 2000)
"""Numbers of samples whose worth is shown, besides the one that is asked for."""


def add_rate(commands: Commands) -> None:
    """Declares the command `rate`."""
    rate = commands.add_parser(
        "rate",
        help="open a page in which people rate the steps of a run's answers, or of two runs without knowing which",
        description="Writes a page that works from disk, and opens it: clip, frames, audio clue and steps of samples, "
        "half of them in doubt. What people rate there corrects the judge: --labels of show and compare.",
    )
    rate.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="one run, or two whose difference matters")
    rate.add_argument("--samples", type=int, default=100, metavar="N", help="number of samples (default: 100)")
    rate.add_argument("--html", type=Path, metavar="OUT.html", help="the page (default: rate.html in the first run)")
    rate.set_defaults(run=_rate)


def _rate(asked: argparse.Namespace) -> None:
    if len(asked.runs) > 2:
        raise RunError(f"rate takes one run or two, got {len(asked.runs)}.")
    if asked.samples < 2:
        raise RunError(f"--samples must be 2 or more, got {asked.samples}.")
    runs = [read_past(path) for path in asked.runs]
    headline = measures_of(suite_of(runs[0].report.provenance)).headline.name
    records = [run.records for run in runs]
    chosen = choose(records, headline, asked.samples)
    if not chosen:
        raise RunError(
            "There is no sample with rated steps and, of two runs, another answer; suites that do not split answers"
            " into steps have none."
        )
    worth = worth_of(records, headline, sorted({*SIZES, len(chosen)}))
    file = asked.html or asked.runs[0] / "rate.html"
    with uninterrupted(str(file)):
        left_out = write_rate_page(file, runs, chosen, worth)
    say(
        f"{len(chosen)} samples to rate. What ratings are worth, if the judge is right nine times in ten:",
        *as_text(worth_rows(worth)),
        "",
        *left_out,
        file.absolute().as_uri(),
    )
    if not webbrowser.open(file.absolute().as_uri()):
        tell("No browser was found; open the address above in one.")
