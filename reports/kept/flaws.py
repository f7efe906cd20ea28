"""Finds what cannot be true of a record or a report, whoever wrote it.

A run writes consistent files: a contradiction means that one was changed, damaged or forged.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from benchmark.data.dataset import fingerprint_of
from benchmark.suite import OVERALL, Suite, is_within, suite_of
from benchmark.task import Task
from benchmark.text import one_line
from benchmark.usage import TOKENS
from evaluators.measures import Measures, measures_of
from evaluators.metrics.metric import Partner, metric_of
from evaluators.metrics.steps import rating_of
from reports.kept.record import Record, Spent
from reports.kept.report import ASPECTS, Health, Report, Scores, by_suite

LONGEST_ID = 1000
"""Most characters of a sample's id."""
MOST_PARTS = 100_000
"""Most labels of a question, and frames and repeats of a sample."""
MOST = 10**15
"""More tokens, requests, samples, seconds or USD than any run has."""
CLOSE = 1e-9
"""The largest difference of a score from the one computed from its ratings, since files hold decimals."""

_COUNTED = ("requests", *TOKENS, "seconds", "cost_usd")
_LEAVING = re.compile(r"^[/\\]|(?:^|[/\\])\.\.(?:[/\\]|$)|\0")
_KEY = re.compile("[0-9a-f]{64}")
_PEAKS = re.compile("(?:[0-9a-f]{2})*")


def record_flaws(record: Record, suite: Suite) -> Iterator[str]:
    """What cannot be true of a record of one sample in a run of that suite, a clause each."""
    if not record.id or one_line(record.id, LONGEST_ID) != record.id:
        yield f"its id must be one line of 1 to {LONGEST_ID:,} printable characters"
    task = suite.tasks.get(record.task)
    if task is None:
        yield f"task `{one_line(record.task, 60)}` must be one of {', '.join(suite.tasks)}"
        return
    if not record.targets:
        yield "it has no true label"
    if max(map(len, (record.label_set, record.targets, record.predicted))) > MOST_PARTS:
        yield f"it has more than {MOST_PARTS:,} labels"
        return
    if record.outcome != "error":
        yield from _score_flaws(record, task)
    elif record.prediction or record.steps or any(score is not None for score in record.scores.values()):
        yield "its outcome is error, but it has ratings or scores"
    yield from _talk_flaws(record, task)
    yield from _repeat_flaws(record)
    yield from _media_flaws(record)
    yield from _usage_flaws(record.usage)


def _score_flaws(record: Record, task: Task) -> Iterator[str]:
    """Scores and outcome that contradict the ratings and labels."""
    if "model" not in record.usage:
        yield f"its outcome is {record.outcome}, but it has no usage of the model"
        return
    metric = metric_of(task)
    if record.by_rules is not None and rating_of(record.by_rules) is None:
        yield "a rating is not a fraction from 0 to 1, such as 2/3"
        return
    try:
        made = metric.remade(record, several=task.several)
    except ValueError as error:
        yield str(error)
        return
    if strange := record.scores.keys() - made.keys():
        yield f"`{one_line(min(strange), 60)}` is not a score of {task.name}"
    for name, value in made.items():
        stated, exact = record.scores.get(name), None if value is None else float(value)
        if not _is_close(stated, exact):
            yield f"{name} is {stated}, but its ratings give {exact}"
    if (record.outcome == "passed") != metric.is_right(made):
        what = "ratings" if record.prediction else "messages" if record.talk else "labels"
        yield f"its outcome is {record.outcome}, which its {what} contradict"


def _talk_flaws(record: Record, task: Task) -> Iterator[str]:
    """Why the dialogue cannot be one of the task."""
    metric, talk = metric_of(task), record.talk
    if task.turns is None or not isinstance(metric, Partner):
        if talk:
            yield f"it has a dialogue, but {task.name} has none"
        return
    speakers = [message.speaker for message in talk]
    turns, scored = speakers.count("assistant"), record.outcome != "error"
    if turns > task.turns or speakers != [("user", "assistant")[at % 2] for at in range(len(talk))]:
        yield f"in its dialogue, user and model must take turns, the model at most {task.turns} times"
    else:
        last = 2 * task.turns - 1
        ends = (at for at in range(1, len(talk)) if at == last or (at % 2 == 0 and metric.is_over(talk[: at + 1])))
        end = next(ends, None)
        if end != len(talk) - 1 and (scored or end is not None):
            yield "its dialogue goes on after its end, or is not over"
    for message in talk:
        if message.points is not None and not -MOST <= message.points <= MOST:
            yield f"the points of a message are not from -{MOST:.0e} to {MOST:.0e}"
        if len(message.notes) > MOST_PARTS:
            yield f"a message has more than {MOST_PARTS:,} notes"


def _is_close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= CLOSE


def _repeat_flaws(record: Record) -> Iterator[str]:
    if (repeats := record.repeats) is None:
        return
    marks = (*repeats.answers, *repeats.judgements)
    if not all(0 <= value <= 1 for one in marks for value in one.values()):
        yield "a score of its repeats is not from 0 to 1"
    count = len(repeats.answers)
    if repeats.error is None and not (
        2 <= count == len(repeats.judgements) <= MOST_PARTS and repeats.answers[0] == repeats.judgements[0]
    ):
        yield "its repeats must be equal numbers of answers and judgements, at least 2, with the same first score"


def _media_flaws(record: Record) -> Iterator[str]:
    if record.clip is not None and _LEAVING.search(record.clip):
        yield f"clip `{one_line(record.clip, 60)}` leaves the data folder"
    if (frames := record.frames) is not None:
        if not _KEY.fullmatch(frames.key):
            yield f"the key of its frames, `{one_line(frames.key, 60)}`, must be 64 hexadecimal digits"
        if len(frames.seconds) > MOST_PARTS or not all(-MOST <= at <= MOST for at in frames.seconds):
            yield "the time of a frame is not a valid number of seconds"
    if (heard := record.waveform) is not None and not (_PEAKS.fullmatch(heard.peaks) and 0 <= heard.seconds <= MOST):
        yield "its waveform is not valid"


def _usage_flaws(usage: Mapping[str, Spent]) -> Iterator[str]:
    for role, spent in usage.items():
        yield from (f"usage of {one_line(role, 60)}: {flaw}" for flaw in _spent_flaws(spent))


def _spent_flaws(spent: Spent) -> Iterator[str]:
    for name in _COUNTED:
        value = getattr(spent, name)
        if value is not None and not 0 <= value <= MOST:
            yield f"{name} is not from 0 to {MOST:.0e}"


def uneven(records: Iterable[Record]) -> str:
    """Why the records cannot be of one run: their judges or numbers of repeats differ; empty if they can be."""
    judges = {frozenset(record.prediction.votes) for record in records if record.prediction is not None}
    if len(judges) > 1:
        return "several sets of judges have rated them"
    counts = {len(record.repeats.answers) for record in records if record.repeats and record.repeats.error is None}
    return f"they were repeated {' and '.join(map(str, sorted(counts)))} times" if len(counts) > 1 else ""


def report_flaws(report: Report, records: Sequence[Record]) -> Iterator[str]:
    """What cannot be true of a report on these records, a clause each."""
    yield from _range_flaws(report)
    yield from data_flaws(report.provenance, records)
    judge = (report.provenance.get("judge") or {}).get("name")
    if report.judge_check is not None and report.judge_check.judge != judge:
        yield f"judge_check: it is of {one_line(report.judge_check.judge, 60)}, but {one_line(str(judge), 60)} judged"
    if not len(records) <= report.selected <= MOST:
        yield f"selected is {report.selected}, but there are {len(records)} records"
    stopping = report.gate.stopping if report.gate else None
    if stopping is not None:  # scores are of a part of the records, and corrected for early stopping
        if not 1 <= stopping.look <= len(stopping.looks):
            yield f"gate: look must be from 1 to {len(stopping.looks)}, got {stopping.look}"
        if (stopping.samples, stopping.samples + stopping.beyond) != (report.overall.samples, len(records)):
            yield f"it counts {stopping.samples} samples and {stopping.beyond} beyond, but there are {len(records)}"
        return
    if report.suites:
        yield from _figure_flaws(OVERALL, report.overall, records, Measures({}))
    for place, part in by_suite(report).items():
        inside = [record for record in records if is_within(place, record.task)]
        measures = measures_of(suite_of(part.provenance))
        yield from _figure_flaws(place, part.overall, inside, measures)
        for name, scores in part.tasks.items():
            members = [record for record in inside if record.task == name]
            yield from _figure_flaws(name, scores, members, measures)
    for name, count in Counter(record.task for record in records).items():
        if name not in report.tasks or not any(is_within(place, name) for place in by_suite(report)):
            yield f"it has no scores of {name}, but there are {count} records of it"


def data_flaws(provenance: Mapping[str, Any], records: Sequence[Record]) -> Iterator[str]:
    """Why the records cannot be of the data in the provenance; records of a part of the data can be."""
    data = provenance.get("data") or {}
    sizes: Mapping[str, int] = data.get("samples") or {}  # older versions do not record them
    counts = Counter(record.task for record in records) if sizes else Counter()
    for name, count in counts.items():
        if count > sizes.get(name, 0):
            yield f"its data has {sizes.get(name, 0)} samples of {name}, but there are {count} records"
    if counts and counts == Counter(sizes) and fingerprint_of(records) != data.get("fingerprint"):
        yield "ids, labels or true labels of the records are not those of its data"


def _figure_flaws(place: str, scores: Scores, records: Sequence[Record], measures: Measures) -> Iterator[str]:
    scored = [record for record in records if record.outcome != "error"]
    counts = {"samples": len(records), "scored": len(scored), "unscored": len(records) - len(scored)}
    found = counts | {name: measure.value(scored) for name, measure in measures.by_name.items()}
    for name, value in found.items():
        stated = getattr(scores, name) if name in counts else scores.scores.get(name)
        if not _is_close(stated, value):
            yield f"{place}: {name} is {stated}, but the records give {value}"


def _range_flaws(report: Report) -> Iterator[str]:
    suite = suite_of(report.provenance)
    if bool(suite.members) != bool(report.suites) or not report.suites.keys() <= {*suite.places}:
        yield f"its suites must be some of {', '.join(member.name for member in suite.places.values())}"
        return
    for part in by_suite(report).values():
        yield from _part_flaws(part)
    yield from _usage_flaws(report.usage)
    for name in chain(report.floors, report.published, report.tasks):
        if name not in suite.tasks and name not in suite.places:
            yield f"`{one_line(name, 60)}` must be one of {', '.join(suite.tasks)}"
    if not (0 <= report.retries <= MOST and 0 <= report.seconds <= MOST):
        yield f"retries and seconds must be from 0 to {MOST:.0e}"
    yield from _check_flaws(report.judge_check)


def _part_flaws(report: Report) -> Iterator[str]:
    measures = measures_of(suite_of(report.provenance))
    scored = [(OVERALL, report.overall.scores), *((task, scores.scores) for task, scores in report.tasks.items())]
    for place, shares in (("floors", report.floors), ("published", report.published), *scored):
        for name, value in shares.items():
            if value is not None and not 0 <= value <= 1:
                yield f"{place}: {one_line(name, 60)} is not from 0 to 1"
    for place, shares in scored:
        for name in shares:
            if name not in measures.by_name and name not in measures.details:
                yield f"{place}: `{one_line(name, 60)}` is not a score of the suite"
    for name in measures.names:
        if name not in report.macro or name not in report.overall.bounds:
            yield f"macro or overall.bounds lacks {name}"


def _check_flaws(check: Health | None) -> Iterator[str]:
    if check is None:
        return
    for name in ASPECTS:
        if getattr(check, name).of < 1:  # a share of nothing would pass every limit
            yield f"judge_check: {name} has no anchors"
    for name, rate in [*((name, getattr(check, name)) for name in ASPECTS), *check.kinds.items()]:
        if not (0 <= rate.right <= rate.of <= MOST and -CLOSE <= rate.low <= rate.high <= 1 + CLOSE):
            yield f"judge_check: {one_line(name, 60)} is not a valid share"
    yield from (f"judge_check: {flaw}" for flaw in _spent_flaws(check.usage))
