"""A run's scores as a table, and its notes and costs as sentences."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmark.accounts.prices import PRICES
from benchmark.fault import Fault
from benchmark.suite import OVERALL, suite_of
from evaluators.measures import measures_of
from reports.kept.answered import endings_in_words
from reports.kept.length import seconds_shown, settings_in
from reports.kept.record import Record
from reports.kept.report import TOTAL, Report, by_suite
from reports.tables.second_opinion import notes_on
from reports.wording import percent, within


def score_rows(report: Report) -> list[tuple[str, ...]]:
    """Headings, then a row for each task, for all samples, and for the mean of the tasks; scores in percent."""
    measures = measures_of(suite_of(report.provenance))
    head = ("Task", "Samples", "Unscored", *(one.title for one in measures.by_name.values()), "Floor", "Published")
    rows = [head]
    for place, scores in {**report.tasks, OVERALL: report.overall}.items():
        shown = (within(scores.scores.get(name), scores.intervals.get(name)) for name in measures.names)
        others = (percent(report.floors.get(place)), percent(report.published.get(place)))
        rows.append((place, str(scores.samples), str(scores.unscored), *shown, *others))
    means = (within(report.macro[name], report.macro_intervals.get(name)) for name in measures.names)
    rows.append(("mean of tasks", "", "", *means, "", ""))
    return rows if report.published else [row[:-1] for row in rows]


def score_tables(report: Report) -> Mapping[str, list[tuple[str, ...]]]:
    """The rows of `score_rows` of each suite by the title of their table, which is "" if there is one suite."""
    return {
        suite_of(part.provenance).title if report.suites else "": score_rows(part) for part in by_suite(report).values()
    }


def notes_of(report: Report) -> list[str]:
    """All sentences to print below the tables."""
    words = endings_in_words(report.endings)
    endings = [f"Answers: {words}."] if words else []
    agreement = [*notes_on(report.agreement, {}), *_of_suites(report, lambda part: notes_on(None, part.variance))]
    return [*doubts_of(report), *agreement, *endings, *remarks_on(report)]


def _of_suites(report: Report, notes: Callable[[Report], Iterable[str]]) -> Iterator[str]:
    """The notes on each suite, after its name if there are several."""
    for place, part in by_suite(report).items():
        yield from (f"{place}: {note}" if report.suites else note for note in notes(part))


def doubts_of(report: Report) -> list[str]:
    """Warnings about the figures, a sentence each: other models, missing samples, samples without a score."""
    overall = report.overall
    notes = [f"ANOTHER MODEL: {reason}. These are not the scores of {report.model}." for reason in report.substitutes]
    notes += _of_suites(report, _incomparable)
    if overall.samples < report.selected and not (report.gate and report.gate.stopping):
        missing = report.selected - overall.samples
        notes.append(f"The run ended early: {missing} of {report.selected} samples were not evaluated.")
    if unanswered := settings_in(report.provenance).get("unanswered"):
        notes.append(
            f"{unanswered:,} samples without an answer were left out by --answered-only; the scores do not cover them."
        )
    return [*notes, *_of_suites(report, _bounds)]


def _incomparable(report: Report) -> Iterator[str]:
    """Why the scores of one suite do not compare with published ones, a sentence each."""
    for reason in report.incomparable:
        if reason not in report.substitutes:
            yield f"Not comparable with published scores: {reason}."


def _bounds(report: Report) -> Iterator[str]:
    """How much the samples of one suite that have no score matter, in a sentence; none if all have one."""
    if report.overall.unscored:
        headline = measures_of(suite_of(report.provenance)).headline
        low, high = report.overall.bounds[headline.name]
        yield (
            f"{report.overall.unscored} samples have no score; depending on them, {headline.title} is between"
            f" {percent(low)} and {percent(high)}."
        )


def remarks_on(report: Report) -> list[str]:
    """Further remarks, a sentence each: what clips were cut, details, refused parameters, costs."""
    notes = [
        *lengths_in_words(report.longer, report.sound_cut, report.provenance),
        *_of_suites(report, _details_in),
        *_of_suites(report, _policies_in),
    ]
    if report.unrepeated:
        notes.append(f"{report.unrepeated} samples have a score but could not be repeated; their records say why.")
    for role, spent in report.usage.items():
        if spent.left_out and role != TOTAL:
            notes.append(f"{role}: its server refuses {', '.join(spent.left_out)}, which is no longer sent.")
    return [*notes, *_cost(report)]


def _details_in(report: Report) -> Iterator[str]:
    """The details of each task that has any, a sentence for tasks with the same ones; a dash where one is unknown.

    Those of all tasks together too, if all have the same.
    """
    found: dict[str, list[str]] = {}
    metrics = measures_of(suite_of(report.provenance)).metrics
    places = dict(report.tasks)
    kinds = [metrics[task].details for task in report.tasks]
    if len(kinds) > 1 and all(kind == kinds[0] for kind in kinds):
        places[OVERALL] = report.overall
        kinds.append(kinds[0])
    for (task, scores), kind in zip(places.items(), kinds, strict=True):
        shown = {measure.title: scores.scores.get(measure.name) for measure in kind}
        if any(value is not None for value in shown.values()):
            values = " / ".join(map(percent, shown.values()))
            found.setdefault(" / ".join(shown), []).append(f"{task} {values}")
    return (f"{titles}: {', '.join(tasks)}." for titles, tasks in found.items())


def _policies_in(report: Report) -> Iterator[str]:
    """What a reader must know of the metrics, with the tasks to which it applies if these are not all."""
    for remark, tasks in measures_of(suite_of(report.provenance)).remarks.items():
        asked = [name for name in tasks if name in report.tasks]
        if asked:
            yield remark if len(asked) == len(report.tasks) else f"{', '.join(asked)}: {remark}"


def _cost(report: Report) -> list[str]:
    """A sentence for each role on its requests and their cost; with more than one role, the total too."""
    asked = {role: spent for role, spent in report.usage.items() if spent.requests}
    if len(asked) < 2:
        asked.pop(TOTAL, None)
    lines = [
        f"{role}: {spent.requests} requests, {_known(spent.input_tokens)} tokens in, {_known(spent.output_tokens)} out"
        f"{f' ({spent.thought_tokens:,} of them thoughts)' if spent.thought_tokens else ''},"
        f" {'cost unknown' if spent.cost_usd is None else f'{spent.cost_usd:.2f} USD'}."
        for role, spent in asked.items()
    ]
    version = report.provenance.get("versions", {}).get(PRICES)
    if version and any(spent.cost_usd for spent in asked.values()):
        lines.append(f"Prices that --price does not set are from {PRICES} {version}.")
    return lines


def _known(tokens: int | None) -> str:
    return "unknown" if tokens is None else f"{tokens:,}"


def faults_of(records: Iterable[Record]) -> list[str]:
    """Unexpected errors, a sentence for each kind: the error, its place, whose bug it is, the versions."""
    found: dict[tuple[str, str], list[Fault]] = {}
    for record in records:
        if (fault := record.fault) is not None:
            found.setdefault((fault.kind, fault.blame), []).append(fault)
    return [
        f"{len(alike)} {'sample' if len(alike) == 1 else 'samples'} failed with an unexpected error:"
        f" {alike[0].sentence}. The traceback is in samples.jsonl."
        for alike in found.values()
    ]


def from_cache(records: Iterable[Record]) -> list[str]:
    """How many of the model's replies were not requested because they are cached, in a sentence; none if none were."""
    spent = [record.usage["model"] for record in records if record.answer is not None and "model" in record.usage]
    kept = sum(part.requests == 0 and part.cost_usd == 0 for part in spent)
    return [f"{kept:,} {'reply' if kept == 1 else 'replies'} of the model from the cache."] if kept else []


def counts_of(records: Sequence[Record]) -> str:
    """How many samples were answered right and wrong, and how many have no score."""
    ended = [record.outcome for record in records]
    return f"{ended.count('passed')} right, {ended.count('failed')} wrong, {ended.count('error')} without a score"


def lengths_in_words(longer: int, cut: int, provenance: Mapping[str, Any]) -> Iterator[str]:
    """How many clips were `longer` than their frames show, and of how many the sound was `cut`, a sentence each."""
    if longer:
        clips = "1 clip lasts" if longer == 1 else f"{longer:,} clips last"
        yield (
            f"{clips} longer than the {seconds_shown(provenance):g} s that the frames show; to show the rest too, use"
            " --spread, which takes the frames from the whole clip."
        )
    if cut:
        most = settings_in(provenance)["sound_seconds"]
        yield (
            f"The sound of {'1 clip' if cut == 1 else f'{cut:,} clips'} was cut after {most:g} s;"
            " to send more, use --clip-limits=sound_seconds=N."
        )
