"""A report in words: the score table, what must be known beside it, what it cost."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmark.accounts.prices import PRICES
from benchmark.fault import Fault
from benchmark.suite import OVERALL, suite_of
from evaluators.metrics.measures import measures_of
from reports.kept.answered import endings_in_words
from reports.kept.length import seconds_shown, settings_in
from reports.kept.record import Record
from reports.kept.report import TOTAL, Report, Scores
from reports.tables.second_opinion import notes_on
from reports.wording import percent, within


def score_rows(report: Report) -> list[tuple[str, ...]]:
    """The score table: headings, a row for each task, the overall and the macro mean."""
    measures = measures_of(suite_of(report.provenance))
    head = ("Task", "Samples", "Unscored", *(one.title for one in measures.by_name.values()), "Floor")
    rows = [_row(name, scores, report, measures.names) for name, scores in report.tasks.items()]
    rows.append(_row(OVERALL, report.overall, report, measures.names))
    means = (within(report.macro[name], report.macro_intervals.get(name)) for name in measures.names)
    rows.append(("mean of tasks", "", "", *means, "", *([""] if report.published else [])))
    return [(*head, "Published") if report.published else head, *rows]


def _row(name: str, scores: Scores, report: Report, names: Iterable[str]) -> tuple[str, ...]:
    published = (percent(report.published.get(name)),) if report.published else ()
    return (
        name,
        str(scores.samples),
        str(scores.unscored),
        *(within(scores.scores.get(name), scores.intervals.get(name)) for name in names),
        percent(report.floors.get(name)),
        *published,
    )


def notes_of(report: Report) -> list[str]:
    """What a reader must know beside the table."""
    words = endings_in_words(report.endings)
    endings = [f"Answers: {words}."] if words else []
    return [*doubts_of(report), *notes_on(report.agreement, report.variance), *endings, *remarks_on(report)]


def doubts_of(report: Report) -> list[str]:
    """Why the figures may not be what they seem, a sentence each."""
    overall = report.overall
    notes = [f"ANOTHER MODEL: {reason}. These are not the scores of {report.model}." for reason in report.substitutes]
    others = (reason for reason in report.incomparable if reason not in report.substitutes)
    notes += [f"Not comparable with published scores: {reason}." for reason in others]
    if overall.samples < report.selected and not (report.gate and report.gate.stopping):
        notes.append(
            f"The run ended early: {report.selected - overall.samples} of {report.selected} samples not asked."
        )
    if overall.unscored:
        headline = measures_of(suite_of(report.provenance)).headline
        low, high = overall.bounds[headline.name]
        notes.append(
            f"{overall.unscored} have no score; with them {headline.title} lies between {percent(low)} and"
            f" {percent(high)}."
        )
    return notes


def remarks_on(report: Report) -> list[str]:
    """What else there is to know, a sentence each."""
    notes = list(lengths_in_words(report.longer, report.sound_cut, report.provenance))
    details = measures_of(suite_of(report.provenance)).details
    several = [
        f"{task} {' / '.join(percent(scores.scores[name]) for name in details)}"
        for task, scores in report.tasks.items()
        if details and all(scores.scores.get(name) is not None for name in details)
    ]
    if several:
        titles = " / ".join(measure.title for measure in details.values())
        notes.append(f"{titles} where several labels may be named: {', '.join(several)}.")
    if report.unrepeated:
        notes.append(f"{report.unrepeated} samples have a score and could not be asked again; their records say why.")
    for role, spent in report.usage.items():
        if spent.left_out and role != TOTAL:
            notes.append(f"{role}: its server refuses {', '.join(spent.left_out)}, which is not sent any more.")
    return [*notes, *_cost(report)]


def _cost(report: Report) -> list[str]:
    """What each role has asked and what that cost; with more than one role, the total too."""
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
        lines.append(f"Prices are those of {PRICES} {version}, where --price states none.")
    return lines


def _known(tokens: int | None) -> str:
    return "unknown" if tokens is None else f"{tokens:,}"


def faults_of(records: Iterable[Record]) -> list[str]:
    """What nobody foresaw, a sentence for each kind: what, where, whose fault, of which versions."""
    found: dict[tuple[str, str], list[Fault]] = {}
    for record in records:
        if (fault := record.fault) is not None:
            found.setdefault((fault.kind, fault.blame), []).append(fault)
    return [
        f"{len(alike)} {'sample' if len(alike) == 1 else 'samples'} met an error that the suite does not know:"
        f" {alike[0].sentence}. The traceback is in samples.jsonl."
        for alike in found.values()
    ]


def counts_of(records: Sequence[Record]) -> str:
    """How the cases ended, in words."""
    ended = [record.outcome for record in records]
    return f"{ended.count('passed')} right, {ended.count('failed')} wrong, {ended.count('error')} without a score"


def lengths_in_words(longer: int, cut: int, provenance: Mapping[str, Any]) -> Iterator[str]:
    """What was not shown, and how to have it shown, a sentence each."""
    if longer:
        clips = "1 clip lasts" if longer == 1 else f"{longer:,} clips last"
        yield (
            f"{clips} longer than the {seconds_shown(provenance):g} s that the frames show, and nobody has seen the"
            " rest: --spread takes the frames from the whole clip."
        )
    if cut:
        most = settings_in(provenance)["sound_seconds"]
        yield (
            f"The sound of {'1 clip' if cut == 1 else f'{cut:,} clips'} was cut after {most:g} s:"
            " --clip-limits=sound_seconds=N takes more."
        )
