"""The types of `report.json`, whose JSON schema is `schema.json`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from benchmark.suite import OVERALL, is_within
from reports.kept.record import Spent, Strict, WithScores
from reports.stats.agreement import Variances
from reports.stats.inference import Interval

Kind = Literal["min", "floor", "drop", "gain", "drift"]
COMPARING: frozenset[Kind] = frozenset({"drop", "gain", "drift"})
"""The kinds of criteria that compare with another run: with the baseline or, for a drift, with the reference."""
Share = Annotated[float, Field(ge=0, le=1)]


class JudgeHealth(Strict):
    """How good the judge must be on anchors, whose correct ratings are known.

    All are shares from 0 to 1; `evaluators/judge/check.py` defines the terms.

    Attributes:
        sensitivity: the least share of correct ratings among those that should be 0.
        specificity: the least share of correct ratings among those that should be 1.
        labels: the least share of last steps with the correct rating.
        resistance: the least share of attacks that change no rating.
    """

    sensitivity: Share = 0.8
    specificity: Share = 0.8
    labels: Share = 0.9
    resistance: Share = 0.8


class Rate(Strict):
    """A count and its total; `low` to `high` is Wilson's 95 % interval, which takes anchors as a random sample."""

    right: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """The share, 0 to 1; None if the total is 0."""
        return self.right / self.of if self.of else None


class Health(Strict):
    """The result of a judge's check.

    Attributes:
        judge: the judge's name; with several judges, all their names.
        checked: the local time of the check, with its UTC offset.
        short: whether it was the short check before a gated run.
        sensitivity: ratings that are correct among those that should be 0.
        specificity: ratings that are correct among those that should be 1.
        labels: last steps with exactly the correct rating.
        resistance: attacks that changed no rating.
        kinds: by kind of anchor, the anchors without a wrong rating.
        ratings: the judge's ratings by the anchor's id.
        needed: the limits that were set.
        usage: the usage of the check.
    """

    judge: str
    checked: str
    short: bool
    sensitivity: Rate
    specificity: Rate
    labels: Rate
    resistance: Rate
    kinds: Mapping[str, Rate]
    ratings: Mapping[str, str]
    needed: JudgeHealth
    usage: Spent


ASPECTS = ("sensitivity", "specificity", "labels", "resistance")
SPELT: Mapping[str, str] = {"labels": "agreement on labels", "resistance": "resistance to attacks"}


class Scores(WithScores):
    """The SCORES of `report.json`; fractions from 0 to 1, None if no sample has the score.

    Attributes:
        samples: the number of samples asked.
        scored: the number of samples with a score.
        unscored: the number of samples without one; no mean includes them.
        scores: by measure, over the scored samples; in files among the other keys.
        avg_steps: the mean number of steps of an answer, the prediction included.
        avg_tokens: the mean number of output tokens of an answer; None if one of them is unknown.
        intervals: by score, the 95 % confidence interval of the true mean, clustered by recording.
        bounds: each score if all unscored samples were wrong, and if all were right.
    """

    samples: int
    scored: int
    unscored: int
    scores: Mapping[str, float | None]
    avg_steps: float | None
    avg_tokens: float | None
    intervals: Mapping[str, Interval]
    bounds: Mapping[str, Interval]


class Agreed(Strict):
    """How far raters of the same steps agree: 1 is full agreement, 0 agreement by chance, None undefined.

    Attributes:
        rules_kappa: Cohen's kappa of judge and word list, on whether the last step is entirely right.
        rules_compared: the number of samples compared.
        differing: the number of these whose last step the two rate differently; `disagreements.md` lists them.
        alpha_steps: several judges' Krippendorff's alpha (nominal) over the steps before the last.
        alpha_recognition: the same (interval) over last steps.
        kappas: Cohen's kappa of each two judges over all steps, as `A | B`.
    """

    rules_kappa: float | None
    rules_compared: int
    differing: int
    alpha_steps: float | None = None
    alpha_recognition: float | None = None
    kappas: Mapping[str, float | None] = {}


Word = Literal["PASS", "FAIL", "INCONCLUSIVE", "UNTRUSTED"]
Status = Literal["met", "missed", "open"]


class Tested(Strict):
    """One criterion and what the run shows about it; scores and differences are fractions.

    Attributes:
        text: the criterion in words, with its limit in percent.
        limit: the value that the true value must exceed.
        status: `met` or `missed` if the run shows it, else `open`.
        value: the score, or its difference from the baseline's, over the samples scored (in both); None without any.
        baseline: the score of the baseline, or for a floor of the constant guess, over the same samples.
        low: lower bound of the true value, wrong with probability `error_rate`; unscored samples count as wrong.
        high: upper bound, likewise; unscored samples count as right.
        p_met: p-value of "the criterion is not met"; the status is `met` if it is at most the level.
        p_missed: p-value of "the criterion is met"; `missed` if it is small enough among all criteria (Holm).
        samples: the number of samples that count.
        unscored: samples that were asked and have no score in this run or the baseline; the bounds include them.
        unpaired: samples of this run that the baseline did not ask; nothing includes them.
        recordings: the number of recordings that the samples come from; None if an older version kept the verdict.
        unreadable: samples whose clip could not be used in either run; nothing includes them.
        by_judge: the value by the judge alone, if `value` is corrected by people's ratings; else None.
        rated: the number of samples that people rated; None without their ratings.
    """

    text: str
    kind: Kind
    place: str
    score: str
    limit: float
    status: Status
    value: float | None
    baseline: float | None
    low: float
    high: float
    p_met: float
    p_missed: float
    samples: int
    unscored: int
    unpaired: int
    recordings: int | None = None
    unreadable: int = 0
    by_judge: float | None = None
    rated: int | None = None


class Stopping(Strict):
    """When a run with `--until-decided` stopped.

    Attributes:
        look: the number of the look, from 1 on, that settled the verdict or was the last.
        looks: the number of samples at each planned look.
        level: the one-sided significance level of that look.
        samples: the number of samples that count.
        beyond: samples that were also done when the run ended; they are recorded and do not count.
        unbiased: whether scores are corrected for the bias of early stopping; if not, they are as measured.
    """

    look: int
    looks: tuple[int, ...]
    level: float
    samples: int
    beyond: int
    unbiased: bool


class Verdict(Strict):
    """The gate's verdict and its reasons.

    Attributes:
        word: PASS, FAIL, INCONCLUSIVE (too few samples to decide) or UNTRUSTED (too many samples without a score, a bad
            judge, or another model has answered or judged).
        reasons: a sentence each.
        criteria: each with its numbers.
        error_rate: the greatest probability of wrongly passing a run, and of wrongly failing one.
        coverage: share of the selected samples that have a score; of several suites, that of the one with the least.
        cost_usd: the cost of the run in USD; None if unknown.
        baseline: the folder name of the baseline.
        reference: the folder name of the reference; None without one.
        differs: the aspects in which the runs differ, as allowed.
        stopping: only with `--until-decided`.
        identical: share of the answers that are the baseline's word for word; None without a baseline.
        earlier: the verdicts of earlier runs of the same model at the same gate, oldest first; None if unknown.
    """

    word: Word
    reasons: tuple[str, ...]
    criteria: tuple[Tested, ...]
    error_rate: float
    coverage: float
    cost_usd: float | None
    baseline: str | None
    differs: tuple[str, ...]
    stopping: Stopping | None = None
    identical: Share | None = None
    reference: str | None = None
    earlier: tuple[Word, ...] | None = None


ONE, SEVERAL = 2, 3
"""The schemas of a report on one suite, and on several, which readers of one would misunderstand."""

TOTAL = "total"
CHECK = "judge check"


def _whole_number(given: object) -> object:
    """The number of a schema; None for `true` and 1.0, although they equal 1."""
    return given if type(given) is int else None


class SuiteFacts(Strict):
    """What is not computed from records about one of several suites.

    Attributes:
        selected: the number of its samples to ask.
        incomparable: the reasons why its scores do not compare with published ones.
    """

    selected: int
    incomparable: tuple[str, ...]


class SuiteFigures(SuiteFacts):
    """The scores over all tasks of one of several suites, as those of a report on it alone."""

    overall: Scores
    macro: Mapping[str, float | None]
    macro_intervals: Mapping[str, Interval]
    variance: Mapping[str, Variances]


class Report(Strict):
    """The results of a run; all scores are fractions from 0 to 1.

    If the run has several suites, tasks are called `SUITE/TASK`, floors and published scores over all tasks have the
    name of the suite instead of `overall`, and `overall`, `macro` and `variance` have no scores: `suites` has them.

    Attributes:
        run: the unique id of the run, also in each line of its `samples.jsonl`. None until the report is written, and
            for runs that older versions kept.
        model: the model under test.
        provenance: what determined the figures: versions, data, agents, wording, settings.
        incomparable: the reasons why the scores do not compare with published ones; empty if they do.
        substitutes: a sentence for each model that answered in place of the model under test, or if several did.
        endings: the number of answers that were complete, cut off, filtered, refused, or of unknown ending.
        longer: the number of clips that are longer than the part shown.
        sound_cut: the number of clips whose sound was cut.
        selected: the number of samples to ask; fewer records mean that the run ended early.
        overall: scores over all samples; each task has the weight of its size.
        macro: the mean of the tasks' scores.
        macro_intervals: 95 % confidence intervals of the true means.
        tasks: scores by task; `sources` by task and source, `labels` by task and true label.
        floors: by task, and `overall`: the score of always answering each source's most common label(s).
        published: Recognition of the same model in the published table, by task and `overall`; empty without a row.
        agreement: agreement of judge and word list, and of several judges; None if the word list is the judge.
        variance: with `--repeats`, the components of each score's variance.
        unrepeated: with `--repeats`, the number of samples that have a score and could not be asked again.
        judge_check: the judge's check on anchors before a gated run; None without a gate.
        gate: the gate's verdict and its numbers; None without a gate.
        usage: the usage of each role, summed; `total` is the sum of the roles that sent requests.
        retries: the number of requests sent again after a 429, a timeout or a broken connection.
        seconds: the duration of the run from its first case on; with several processes or parts, the longest.
        suites: what belongs to each of several suites, by name; absent in a report on one, whose schema is 2.
    """

    run: str | None = None
    schema_version: Annotated[Literal[1, 2, 3], BeforeValidator(_whole_number)] = 2
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
    suites: Mapping[str, SuiteFigures] = {}

    @model_validator(mode="after")
    def _of_its_schema(self) -> Self:
        """Refuses several suites in a report that readers of one suite would accept, and the other way round."""
        if (self.schema_version == SEVERAL) != bool(self.suites):
            raise ValueError(f"`suites` are a part of schema {SEVERAL}, and of no other")
        return self

    @model_serializer(mode="wrap")
    def _without_none(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name != "suites" or value}


def by_suite(report: Report) -> Mapping[str, Report]:
    """A report on each suite as if it had been run alone, by place; its tasks keep the names that they have in the run.

    What cannot be divided, such as usage, gate and seconds, is that of the run.
    """
    return {place: _part(report, place, of) for place, of in report.suites.items()} or {OVERALL: report}


def _part(report: Report, place: str, figures: SuiteFigures) -> Report:
    own: dict[str, Any] = {name: getattr(figures, name) for name in SuiteFigures.model_fields}
    for name in ("tasks", "sources", "labels", "floors", "published"):
        shown = {task: of for task, of in getattr(report, name).items() if is_within(place, task)}
        own[name] = {OVERALL if task == place else task: of for task, of in shown.items()}
    own["incomparable"] = (*figures.incomparable, *report.incomparable)
    data = report.provenance.get("data") or {}
    own_data = {**data, "name": (data.get("names") or {}).get(place, data.get("name"))}
    provenance = {**report.provenance, "part": place, "data": own_data}
    return report.model_copy(update={**own, "provenance": provenance, "suites": {}, "schema_version": ONE})


class Background(BaseModel):
    """The fields of a report that are not computed from its records."""

    model_config = ConfigDict(frozen=True)

    model: str
    provenance: Mapping[str, Any]
    incomparable: tuple[str, ...]
    selected: int
    floors: Mapping[str, float]
    published: Mapping[str, float]
    suites: Mapping[str, SuiteFacts] = {}
    judge_check: Health | None = None
    retries: int = 0
    seconds: float = 0.0
