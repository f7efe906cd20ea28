"""`mme-emotion view`, `show` and `merge`: commands on finished runs."""

import argparse
import os
import webbrowser
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmark.errors import RunError
from benchmark.options import declare, parts_of, read_arguments
from benchmark.suite import suite_of
from reports.commands.interrupt import uninterrupted
from reports.commands.labels import add_labels, labels_in, lines_by_people
from reports.commands.parser import Commands
from reports.ending import UNKEPT
from reports.figures.report import recomputed
from reports.gate.merge import merge
from reports.gate.trial import refuse_own_folder
from reports.gate.verdict import EXIT_CODES
from reports.kept.folder import PAGE, PAGE_FOLDER, RunFolder, usual_place
from reports.kept.past import PastRun, read_past
from reports.kept.record import Record
from reports.kept.report import Report
from reports.live.output import printed
from reports.options import ReportOptions
from reports.page.media import bring_along, left_out_of
from reports.page.run_page import Contents, Linked, linked_to, write_run_page
from reports.say import as_lines, say, tell
from reports.stats.inference import ERROR
from reports.tables.results import gate_lines, score_lines, tell_github, write_results


def add_runs(commands: Commands) -> None:
    """Declares the commands `view`, `show` and `merge`."""
    view = commands.add_parser("view", help="open a run's report in the browser")
    view.add_argument("run_dir", type=Path, metavar="RUN")
    view.set_defaults(run=_view)
    show = commands.add_parser("show", help="print a run's tables")
    show.add_argument("run_dir", type=Path, metavar="RUN")
    add_labels(show)
    show.set_defaults(run=_show)
    deciding = ("gate", "baseline", "baseline_allow", "reference", "allow_substitute")
    decided = commands.add_parser("gate", help="apply a gate to a finished run, also by people's ratings")
    decided.add_argument("run_dir", type=Path, metavar="RUN")
    declare(ReportOptions, decided.add_argument, deciding)
    add_labels(decided)
    decided.set_defaults(run=_gate)
    merged = commands.add_parser("merge", help="merge the shards of a run into one run, and apply the gate to it")
    merged.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    merged.add_argument("--partial", action="store_true", help="merge although shards are missing")
    gated = ("run_dir", "gate", "baseline", "reference", "baseline_allow", "allow_substitute")
    declare(ReportOptions, merged.add_argument, gated)
    merged.set_defaults(run=_merge)


def _view(asked: argparse.Namespace) -> None:
    page: Path = asked.run_dir / PAGE
    for path in (page, asked.run_dir / PAGE_FOLDER):
        if path.is_symlink():
            raise RunError(f"{path} is a symbolic link and may point outside the run; replace it with the page itself.")
    if page.exists() and not page.is_file():
        raise RunError(f"{page} is not a regular file; remove it, and run this command again.")
    if not page.exists():  # the run is of a version that wrote no page, or its page was deleted
        report, records = _figures_of(read_past(asked.run_dir))
        with uninterrupted(str(page)):
            write_run_page(asked.run_dir, _contents(report, records, linked_to(report)))
    say(page.absolute().as_uri())
    if not webbrowser.open(page.absolute().as_uri()):
        tell("No browser was found; open the address above in one.")


def _figures_of(run: PastRun) -> tuple[Report, list[Record]]:
    """The report of a finished run, with its figures recomputed, and its records sorted by id."""
    records = [run.records[name] for name in sorted(run.records)]
    return recomputed(run.report, records), records


def _contents(report: Report, records: Sequence[Record], linked: Linked) -> Contents:
    return Contents(report=report, records=records, counted=records, error=ERROR, linked=linked)


def _show(asked: argparse.Namespace) -> None:
    run = read_past(asked.run_dir)
    report, records = _figures_of(run)
    by_people = lines_by_people(asked.labels, run)
    say(f"{suite_of(report.provenance).title}: {report.model} (scores in percent)")
    if records:
        say(*score_lines(report, records))
    say(*by_people)
    if report.gate is not None:
        say("", f"Gate: {report.gate.word}", *gate_lines(report))


def _gate(asked: argparse.Namespace) -> int:
    run = read_past(asked.run_dir)
    gate = read_arguments(ReportOptions, asked).read_gate(suite_of(run.report.provenance))
    if gate is None:
        raise RunError("Name what the run must meet: --gate=FILE, --baseline=RUN or both.")
    files = parts_of(asked.labels)
    report, _ = merge([run], gate, rated=(lambda one: labels_in(files, one)[1]) if files else None)
    assert report.gate is not None, "there is a gate"
    shown = [f"Gate: {report.gate.word}", *gate_lines(report)]
    if (unshown := printed("\n".join(as_lines(shown)))) is not None:
        tell(f"mme-emotion: The verdict cannot be printed ({unshown.strerror}).")
        return UNKEPT
    return EXIT_CODES[report.gate.word]


def _merge(asked: argparse.Namespace) -> int:
    options = read_arguments(ReportOptions, asked)
    if options.run_dir and os.path.realpath(options.run_dir) in map(os.path.realpath, asked.runs):
        raise RunError(f"--run-dir={options.run_dir} is one of the runs to merge; choose another folder.")
    runs = [read_past(path) for path in asked.runs]
    gate = options.read_gate(suite_of(runs[0].report.provenance))
    if gate is not None and options.run_dir:
        refuse_own_folder(gate, options.run_dir)
    report, records = merge(runs, gate, partial=asked.partial)
    place = options.run_dir or usual_place(report.model)
    with uninterrupted(str(place)), closing(RunFolder(place)) as folder:
        for record in records:
            folder.append(record.model_dump_json())
        write_results(folder, report, records)
        brought = bring_along(records, [run.path / PAGE_FOLDER for run in runs], folder.path / PAGE_FOLDER)
        write_run_page(folder.path, _contents(report, records, replace(linked_to(report), urls=brought.urls)))
    shown = [*left_out_of(brought), *score_lines(report, records), f"The run is kept in {folder.path}"]
    if report.gate is not None:
        shown += ["", f"Gate: {report.gate.word}", *gate_lines(report)]
    if (unshown := printed("\n".join(as_lines(shown)))) is not None:
        tell(f"mme-emotion: The results cannot be printed ({unshown.strerror}); they are kept in {folder.path}.")
        return UNKEPT
    try:
        tell_github(report, records)
    except RunError as error:  # the exit code remains that of the verdict
        tell(f"mme-emotion: {error}")
    return EXIT_CODES[report.gate.word] if report.gate is not None else 0
