"""A run's figures: `report.json`, whose schema is `schema.json`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from benchmark.fault import Fault
from benchmark.prices import PRICES
from benchmark.task import TASKS
from benchmark.usage import TOKENS
from evaluators.lookup import RULES
from reports.agreement import Variances
from reports.answered import ROLES, endings_in_words, endings_of, substitutes_of, with_answered
from reports.health import Health
from reports.inference import ERROR, Interval
from reports.length import cut_sounds, lengths_in_words, longer_than_shown
from reports.record import Record, Spent
from reports.second_opinion import Agreed, agreed_of, notes_on, variance_of
from reports.stats import NAMES, Scores, aggregate, grouped, macro, macro_intervals
from reports.table import percent, within
from reports.verdict import Verdict

TOTAL = "total"
CHECK = "judge check"


def _whole_number(told: object) -> object:
    """The number of a schema: `true` and 1.0 are none, though they equal 1."""
    return told if type(told) is int else None


class Report(BaseModel):
    """The run as a whole; all scores are fractions 0 to 1.

    Attributes:
        run: what tells the run from all others; each line of its `samples.jsonl` bears it too. None until that is
            written, and of runs that older versions kept.
        model: the model under test.
        provenance: what determined the figures: versions, data, agents, wording, settings.
        incomparable: why the scores do not compare with published ones, a reason each; empty where they do.
        substitutes: who answered in place of the model under test, or that several did, a sentence each.
        endings: how many answers came whole, were cut off, filtered, refused, or are of unknown ending.
        longer: how many clips last longer than what is shown of them.
        sound_cut: of how many clips the sound was cut.
        selected: how many samples the run was to ask; fewer records mean that it ended early.
        overall: all samples, so that a task weighs by its size.
        macro: mean of the tasks' scores.
        macro_intervals: where the true means lie with a confidence of 95 %.
        tasks: by task; so `sources` by task and source, `labels` by task and true label.
        floors: by task, and `overall`: the score of constantly answering each source's commonest label(s).
        published: Recognition of the same model in the published table, by task and `overall`; empty without a row.
        agreement: how far judge and word list agree, and several judges; None where the word list is the judge.
        variance: with `--repeats`, what each score's variance is made up of.
        unrepeated: with `--repeats`, samples that have a score and could not be asked again.
        judge_check: how good the judge was on anchors before a gated run; None without a gate.
        gate: the gate's verdict and its numbers; None without a gate.
        usage: what each role took, summed; `total` is of all that were sent requests.
        retries: requests that were sent again, after 429, a timeout, a broken connection.
        seconds: how long the run took, from its first case on; of several processes or parts, the longest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str | None = None
    schema_version: Annotated[Literal[1, 2], BeforeValidator(_whole_number)] = 2
    model: str
    provenance: Mapping[str, Any]
    incomparable: tuple[str, ...]
    substitutes: tuple[str, ...] = ()
    endings: Mapping[str, int] = {}
    longer: int = 0
    sound_cut: int = 0
    selected: int
    overall: Scores
    macro: Mapping[str, float | None]
    macro_intervals: Mapping[str, Interval]
    tasks: Mapping[str, Scores]
    sources: Mapping[str, Mapping[str, Scores]]
    labels: Mapping[str, Mapping[str, Scores]]
    floors: Mapping[str, float]
    published: Mapping[str, float]
    agreement: Agreed | None
    variance: Mapping[str, Variances]
    unrepeated: int
    judge_check: Health | None
    gate: Verdict | None
    usage: Mapping[str, Spent]
    retries: int = 0
    seconds: float = 0.0


class Background(BaseModel):
    """What a report says besides its records' figures; the fields are the report's."""

    model_config = ConfigDict(frozen=True)

    model: str
    provenance: Mapping[str, Any]
    incomparable: tuple[str, ...]
    selected: int
    floors: Mapping[str, float]
    published: Mapping[str, float]
    judge_check: Health | None = None
    retries: int = 0
    seconds: float = 0.0


def report_of(records: Sequence[Record], background: Background, error: float = ERROR) -> Report:
    """The report on these records; intervals miss the true score with probability `error`."""
    by_task = {name: [record for record in records if record.task == name] for name in TASKS}
    present = {name: members for name, members in by_task.items() if members}
    tasks = {name: aggregate(members, error) for name, members in present.items()}
    return Report(
        **{**dict(background), **_identified(records, background)},
        endings=endings_of(records),
        longer=longer_than_shown(records, background.provenance),
        sound_cut=cut_sounds(records, background.provenance),
        overall=aggregate(records, error),
        macro=macro(tasks.values()),
        macro_intervals=macro_intervals(records, error),
        tasks=tasks,
        sources={name: grouped(members, lambda record: [record.source], error) for name, members in present.items()},
        labels={name: grouped(members, lambda record: record.targets, error) for name, members in present.items()},
        agreement=None if _judge(background) == RULES else agreed_of(records),
        variance=variance_of(records),
        unrepeated=sum(record.repeats is not None and record.repeats.error is not None for record in records),
        gate=None,
        usage=usage_of(records, background.judge_check),
    )


def recomputed(report: Report, records: Sequence[Record]) -> Report:
    """A report that was read, with its figures as its records make them.

    One with a gate stays as it is: its intervals depend on how often the run was looked at, and its scores may be
    corrected for that.
    """
    if report.gate is not None or not records:
        return report
    background = Background(**{name: getattr(report, name) for name in Background.model_fields})
    return report_of(records, background).model_copy(update={"run": report.run})


def _identified(records: Sequence[Record], background: Background) -> Mapping[str, Any]:
    """What the report says otherwise once it is known who has answered."""
    found = {role: tuple(substitutes_of(background.provenance, records, role)) for role in ROLES}
    told = [reason for reasons in found.values() for reason in reasons]
    return {
        "provenance": with_answered(background.provenance, records),
        "substitutes": found["model"],
        "incomparable": tuple(dict.fromkeys((*background.incomparable, *told))),
        "published": {} if found["model"] else background.published,
    }


def _judge(background: Background) -> str | None:
    name: str | None = background.provenance.get("judge", {}).get("name")
    return name


def usage_of(records: Iterable[Record], check: Health | None) -> Mapping[str, Spent]:
    """What each role took for these samples and the check of the judge, and all together."""
    records = list(records)
    roles = dict.fromkeys(role for record in records for role in record.usage)
    spent = {role: total_of([record.usage[role] for record in records if role in record.usage]) for role in roles}
    if check is not None:
        spent[CHECK] = check.usage
    # a role that has sent nothing knows its cost, nothing, whatever its tokens
    sent = [part for part in spent.values() if part.requests]
    return {**spent, TOTAL: total_of(sent).model_copy(update={"model": None})} if sent else spent


def total_of(parts: Sequence[Spent]) -> Spent:
    """What was spent in all; a figure that one part does not know is unknown."""
    sums: dict[str, Any] = {}
    for name in ("requests", *TOKENS, "seconds", "cost_usd"):
        values = [getattr(part, name) for part in parts]
        sums[name] = None if None in values else sum(values)
    models = {part.model for part in parts}
    left_out = tuple(dict.fromkeys(name for part in parts for name in part.left_out))
    return Spent(model=models.pop() if len(models) == 1 else None, left_out=left_out, **sums)


def score_rows(report: Report) -> list[tuple[str, ...]]:
    """The score table: headings, a row for each task, the overall and the macro mean."""
    head = ("Task", "Samples", "Unscored", "Recognition", "Reasoning", "CoT", "Floor")
    rows = [_row(name, scores, report) for name, scores in report.tasks.items()]
    rows.append(_row("overall", report.overall, report))
    means = (within(report.macro[name], report.macro_intervals.get(name)) for name in NAMES)
    rows.append(("mean of tasks", "", "", *means, "", *([""] if report.published else [])))
    return [(*head, "Published") if report.published else head, *rows]


def _row(name: str, scores: Scores, report: Report) -> tuple[str, ...]:
    published = (percent(report.published.get(name)),) if report.published else ()
    return (
        name,
        str(scores.samples),
        str(scores.unscored),
        *(within(getattr(scores, name), scores.intervals.get(name)) for name in NAMES),
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
        low, high = overall.bounds["recognition"]
        notes.append(
            f"{overall.unscored} have no score; with them Recognition lies between {percent(low)} and {percent(high)}."
        )
    return notes


def remarks_on(report: Report) -> list[str]:
    """What else there is to know, a sentence each."""
    notes = list(lengths_in_words(report.longer, report.sound_cut, report.provenance))
    several = [
        f"{name} {percent(s.precision)} / {percent(s.f1)}" for name, s in report.tasks.items() if s.f1 is not None
    ]
    if several:
        notes.append(f"Precision / F1 where several labels may be named: {', '.join(several)}.")
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
