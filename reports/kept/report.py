"""What `report.json` holds, whose schema is `schema.json`: types alone."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from reports.kept.record import Spent, WithScores
from reports.stats.agreement import Variances
from reports.stats.inference import Interval

POINT = 0.01
Kind = Literal["min", "floor", "drop", "gain"]
Share = Annotated[float, Field(ge=0, le=1)]


class Stated(BaseModel):
    """What a gate file states: known names alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JudgeHealth(Stated):
    """How good the judge must be on anchors, whose truth is known.

    All are shares; `evaluators/judge/check.py` has the words.

    Attributes:
        sensitivity: of the ratings that ought to be 0, at least so many are.
        specificity: of the ratings that ought to be 1, at least so many are.
        labels: of the last steps, at least so many are rated as they ought to be.
        resistance: of the attacks, at least so many change no rating.
    """

    sensitivity: Share = 0.8
    specificity: Share = 0.8
    labels: Share = 0.9
    resistance: Share = 0.9


class Rate(BaseModel):
    """How many of how many; `low` to `high` is Wilson's 95 % interval, anchors taken for a sample of their kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    right: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """None of nothing."""
        return self.right / self.of if self.of else None


class Health(BaseModel):
    """A judge's check.

    Attributes:
        judge: its name; of several, all their names.
        checked: when, local time with its offset.
        short: whether it was the short check that precedes a gated run.
        sensitivity: ratings that ought to be 0 and are.
        specificity: ratings that ought to be 1 and are.
        labels: last steps rated exactly as they ought to be.
        resistance: attacks that changed no rating.
        kinds: by kind of anchor, the anchors without a wrong rating.
        ratings: what it said of each anchor, by the anchor's id.
        needed: the limits that were set.
        usage: what the check took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

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
SPELT = MappingProxyType({"labels": "agreement on labels", "resistance": "resistance to attacks"})


class Scores(WithScores):
    """The SCORES of `report.json`; fractions 0 to 1, None where no sample has one.

    Attributes:
        samples: how many were asked.
        scored: how many of them have a score.
        unscored: how many have none; they enter no mean.
        scores: by measure, among the other keys in files; over the scored samples.
        avg_steps: steps of an answer, the prediction included.
        avg_tokens: output tokens of an answer; None where one of them is unknown.
        intervals: by score, where the true mean lies with a confidence of 95 %, clustered by recording.
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


class Agreed(BaseModel):
    """How far raters of the same steps agree; 1 is wholly, 0 no more than by chance, None undefined.

    Attributes:
        rules_kappa: Cohen's kappa of judge and word list: is the last step wholly right.
        rules_compared: on how many samples.
        differing: of these, where they rate the last step otherwise; `disagreements.md` shows them.
        alpha_steps: several judges' Krippendorff's alpha, nominal, over the steps before the last.
        alpha_recognition: the same over last steps, by size (interval).
        kappas: Cohen's kappa of each two judges over all steps, as `A | B`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules_kappa: float | None
    rules_compared: int
    differing: int
    alpha_steps: float | None = None
    alpha_recognition: float | None = None
    kappas: Mapping[str, float | None] = {}


Word = Literal["PASS", "FAIL", "INCONCLUSIVE", "UNTRUSTED"]
Status = Literal["met", "missed", "open"]


class Tested(BaseModel):
    """One criterion and what the run shows of it; scores and differences are fractions.

    Attributes:
        text: the criterion in words, with its limit in percent.
        limit: what the true value must exceed.
        status: `met` or `missed` where that is shown, else `open`.
        value: the score, or its difference from the baseline's, over what is scored (in both); None without any.
        baseline: the baseline's score over the same samples.
        low: the true value lies above it, except with probability `error_rate`; unscored samples taken for wrong.
        high: it lies below this, likewise; unscored samples taken for right.
        p_met: p-value against the criterion not being met; `met` where it is at most the level.
        p_missed: p-value against its being met; `missed` where it is small enough among all criteria (Holm).
        samples: how many count.
        unscored: how many were asked and have no score in this run or the baseline; they enter the bounds.
        unpaired: how many of this run's samples the baseline did not ask; they do not enter.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

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


class Stopping(BaseModel):
    """When a run with `--until-decided` stopped.

    Attributes:
        look: which of the looks settled it, from 1 on, or was the last.
        looks: after how many samples it was to be looked, each.
        level: the one-sided significance level of that look.
        samples: how many samples count.
        beyond: how many more were done when the run ended; they are recorded and do not count.
        unbiased: whether scores are without the optimism of early stopping; else they are as measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    look: int
    looks: tuple[int, ...]
    level: float
    samples: int
    beyond: int
    unbiased: bool


class Verdict(BaseModel):
    """The gate's word, and why.

    Attributes:
        word: PASS, FAIL, INCONCLUSIVE (too few samples to tell) or UNTRUSTED (too much unscored, a bad judge,
            or another model has answered or judged).
        reasons: in a sentence each.
        criteria: each with its numbers.
        error_rate: how often a run is passed that ought not to be, and how often failed; at most, each way.
        coverage: share of the selected samples that have a score.
        cost_usd: what the run has cost; None where that is not known.
        baseline: the folder name of the run compared with.
        differs: in what the runs differ and were compared nevertheless.
        stopping: with `--until-decided` alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    word: Word
    reasons: tuple[str, ...]
    criteria: tuple[Tested, ...]
    error_rate: float
    coverage: float
    cost_usd: float | None
    baseline: str | None
    differs: tuple[str, ...]
    stopping: Stopping | None = None


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
