"""The judge's check: anchors that are what they say, and judges who pass or do not."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import comb
from pathlib import Path

import pytest

from benchmark.clips.reader import ClipReader
from benchmark.errors import JudgeError, RunError
from benchmark.model import Model
from benchmark.models.find import ModelOptions, find
from benchmark.models.templates import read_templates
from benchmark.storage.cache import Cache
from benchmark.usage import Usage
from evaluators.agents import PROMPTS
from evaluators.judge.agent import Reply
from evaluators.judge.check import ATTACKS, Anchor, Checked, check_judge, read_anchors
from evaluators.judge.evidence import Evidence
from evaluators.judge.judge import Judge, PromptedJudge
from evaluators.judge.rating import Rating, Ratings, parse_ratings
from evaluators.judge.rules import RulesJudge
from evaluators.judge.steps import Steps
from reports.figures.health import drift, health_of, odds, shortfalls
from reports.kept.checks import PastChecks, keep_check, read_checks
from reports.kept.report import ASPECTS, JudgeHealth
from reports.tables.health import health_notes, health_rows
from tests.endpoint import Endpoint
from tests.integration.oracle import knowing
from tests.tasks import TASKS

ANCHORS = read_anchors()
STRICTEST = JudgeHealth(sensitivity=1, specificity=1, labels=1, resistance=1)
SPENT = Usage(requests=1, input_tokens=5, output_tokens=2, seconds=0.0, cost_usd=0.5)
BY_STEPS = {anchor.steps: anchor for anchor in ANCHORS}


@dataclass(frozen=True)
class Rates:
    """A judge who rates an anchor by a function of it."""

    rating: Callable[[Anchor], Ratings]
    name: str = "rates"
    identity: str = "rates/1"
    sees: bool = False

    async def rate(self, steps: Steps, evidence: Evidence) -> Reply[Ratings]:
        assert not len(evidence.frames), "they are for judges who look at them"
        return Reply(value=self.rating(BY_STEPS[steps]), model=self.name, usage=SPENT)


def true(anchor: Anchor) -> Ratings:
    reasoning = tuple(Rating(value=Fraction(1) if truth is None else truth) for truth in anchor.truth)
    return Ratings(reasoning=reasoning, recognition=Rating(value=anchor.recognition))


def lenient(anchor: Anchor) -> Ratings:
    one = Rating(value=Fraction(1))
    return Ratings(reasoning=(one,) * len(anchor.truth), recognition=one)


def silent(anchor: Anchor) -> Ratings:
    raise JudgeError("Nothing that parses.")


def checked(judge: Judge, folder: Path, *, short: bool = False) -> tuple[Checked, ...]:
    return asyncio.run(check_judge(judge, ClipReader(Cache(folder)), short=short))


def test_anchors_are_well_formed() -> None:
    kinds = Counter(anchor.kind for anchor in ANCHORS)

    assert 60 <= len(ANCHORS) <= 70
    assert len({anchor.id for anchor in ANCHORS}) == len(BY_STEPS) == len(ANCHORS)
    assert {anchor.sample.task.name for anchor in ANCHORS} == set(TASKS)
    assert set(kinds) > ATTACKS
    assert min(kinds.values()) >= 2
    assert {anchor.kind for anchor in ANCHORS if anchor.short} == set(kinds)
    short = [anchor for anchor in ANCHORS if anchor.short]
    assert (len(short), sum(anchor.kind in ATTACKS for anchor in short)) == (30, 10), "as docs/gate.md says"


def test_a_good_judge_passes_nine_checks_in_ten_and_a_poor_one_at_most_one_in_twenty(tmp_path: Path) -> None:
    short = health_of("rates", checked(Rates(true), tmp_path, short=True), JudgeHealth(), short=True)
    by_hand = 1.0  # each rate's binomial distribution, with the least numbers that reach 0.8, 0.8, 0.9 and 0.8
    for least, of in ((-(-8 * short.sensitivity.of // 10), short.sensitivity.of),
                      (-(-8 * short.specificity.of // 10), short.specificity.of), (27, 30), (8, 10)):  # fmt: skip
        by_hand *= sum(comb(of, right) * 0.95**right * 0.05 ** (of - right) for right in range(least, of + 1))

    assert odds(short, 0.95) == pytest.approx(by_hand)
    assert odds(short, 0.95) > 0.9
    assert odds(short, 0.75) < 0.05
    assert (odds(short, 1.0), odds(short, 0.0)) == (1.0, 0.0)
    assert f"passes with a probability of {odds(short, 0.95):.0%}" in health_notes(short, PastChecks())[0]


@pytest.mark.parametrize("anchor", ANCHORS, ids=lambda anchor: anchor.id)
def test_the_truth_is_a_reply_that_a_judge_may_give(anchor: Anchor) -> None:
    ratings, labels = true(anchor), len(anchor.sample.targets)
    parts = [f"Step {number}: {rating.value}/1" for number, rating in enumerate(ratings.reasoning, 1)]
    last = f"Step {len(anchor.steps)}: {anchor.recognition * labels}/{labels}"
    text = f"<score>{', '.join([*parts, last])}</score>"

    assert parse_ratings(text, steps=len(anchor.steps), labels=labels) == ratings
    if anchor.kind in ATTACKS:
        assert anchor.recognition == 0
        assert 0 in anchor.truth, "a judge that gives in must be found out"


def test_a_judge_who_knows_passes(tmp_path: Path) -> None:
    health = health_of("rates", checked(Rates(true), tmp_path), STRICTEST, short=False)
    assert [getattr(health, name).share for name in ASPECTS] == [1, 1, 1, 1]
    assert shortfalls(health) == []


def test_what_the_check_took_and_who_answered_is_on_record(tmp_path: Path) -> None:
    assert {(one.model, one.usage) for one in checked(Rates(true), tmp_path, short=True)} == {("rates", SPENT)}


def test_a_bug_in_a_judge_is_none_of_its_ratings(tmp_path: Path) -> None:
    def broken(anchor: Anchor) -> Ratings:
        raise ZeroDivisionError("a bug")

    with pytest.raises(RunError, match=r"^The judge cannot be checked: .*a bug") as caught:
        checked(Rates(broken), tmp_path, short=True)
    assert caught.value.fault is not None
    assert "broken" in caught.value.fault.traceback


def test_a_judge_who_likes_everything_is_found_out(tmp_path: Path) -> None:
    health = health_of("rates", checked(Rates(lenient), tmp_path, short=True), JudgeHealth(), short=True)
    assert (health.sensitivity.right, health.specificity.share, health.resistance.right) == (0, 1, 0)
    assert health.sensitivity.of > 10
    assert [text.split()[2] for text in shortfalls(health)] == ["sensitivity", "agreement", "resistance"]


def test_a_judge_who_says_nothing_usable_is_wrong_everywhere(tmp_path: Path) -> None:
    found = checked(Rates(silent), tmp_path, short=True)
    health = health_of("rates", found, JudgeHealth(), short=True)

    assert {one.error for one in found} == {"Nothing that parses."}
    assert [getattr(health, name).right for name in ASPECTS] == [0, 0, 0, 0]
    assert f"{len(found)} anchors got no usable reply" in health_notes(health, PastChecks())[0]


def test_the_word_list_knows_labels_and_no_pictures(tmp_path: Path) -> None:
    health = health_of("rules", checked(RulesJudge(), tmp_path), JudgeHealth(), short=False)

    assert (health.labels.share, health.specificity.share) == (1, 1)
    assert health.kinds["contradicts-picture"].right < health.kinds["contradicts-picture"].of / 2
    assert shortfalls(health)


def test_a_refusal_s_rating_is_settled_and_tells_nothing_of_the_judge(tmp_path: Path) -> None:
    refusals = [one for one in checked(Rates(true), tmp_path, short=False) if one.anchor.kind == "refusal"]

    assert refusals
    for one in refusals:
        assert one.anchor.truth == (Fraction(0),)
        assert one.ratings is not None
        assert [rating.value for rating in one.ratings.reasoning] == [0]
        assert one.right_of(0) == (1, 1), "the last step alone"


def test_drift_is_against_the_last_check_of_the_same_judge_and_length(tmp_path: Path) -> None:
    good = health_of("a", checked(Rates(true), tmp_path, short=True), JudgeHealth(), short=True)
    for health in (good, good.model_copy(update={"judge": "b"}), good.model_copy(update={"short": False})):
        keep_check(tmp_path / "new", health)
    past = read_checks(tmp_path / "new", "a")
    before = past.like(good)
    assert before is not None
    bad = health_of("a", checked(Rates(lenient), tmp_path, short=True), JudgeHealth(), short=True)
    changed, common = drift(bad, before)

    assert (len(past.checks), past.strange, before) == (2, 0, good)
    assert drift(good, before) == ([], len(good.ratings))
    assert 0 < len(changed) < common == len(good.ratings)
    said = f"{len(changed)} of {common} anchors are rated differently than on {good.checked[:10]}"
    assert health_notes(bad, past)[-1].startswith(said)
    assert read_checks(tmp_path / "none", "a").like(good) is None


def test_checks_of_another_version_are_left_alone_and_said(tmp_path: Path) -> None:
    name = "a\u2028b\x85"  # ends of lines to Python, not to JSON Lines
    good = health_of(name, checked(Rates(true), tmp_path, short=True), JudgeHealth(), short=True)
    (tmp_path / "judge-checks.jsonl").write_text('{"old": 1}\n')
    keep_check(tmp_path, good)
    past = read_checks(tmp_path, name)

    assert (past.checks, past.strange) == ((good,), 1)
    assert health_notes(good, past)[0].startswith("1 lines of judge-checks.jsonl cannot be read by this version")


def test_checks_that_cannot_be_read_are_said_so(tmp_path: Path) -> None:
    (tmp_path / "judge-checks.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(RunError, match=r"judge-checks.jsonl cannot be read .* move it away"):
        read_checks(tmp_path, "a")


def test_the_table_has_a_row_for_each_kind(tmp_path: Path) -> None:
    health = health_of("a", checked(Rates(true), tmp_path, short=True), JudgeHealth(), short=True)
    rows = health_rows(health, whole=True)
    assert [row[0].strip() for row in rows[1:5]] == list(ASPECTS)
    assert {row[0].removeprefix("anchors: ") for row in rows[5:]} == set(health.kinds)
    assert health_rows(health, whole=False) == rows[:5], "none of its kinds has a wrong rating"


def test_a_model_is_shown_frames_and_fenced_steps(endpoint: Endpoint, tmp_path: Path) -> None:
    model = find("openai:judge", ModelOptions(base_urls=(endpoint.url,), modalities=("video",)))
    assert isinstance(model, Model)
    endpoint.reply = knowing()
    found = checked(PromptedJudge(model, read_templates(PROMPTS)), tmp_path, short=True)

    assert all(one.resisted and one.last_right for one in found)
    assert len(endpoint.requests) == len(found)
    (planted,) = [received for received in endpoint.requests if "weeps" in received.text]
    assert planted.parts("image_url")
    assert planted.text.count("<score>") == 1, "the planted block is no block any more"
