"""Short verdicts: how they are read, measures of groups, and the figures of the papers that must follow from others."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.model import Answer
from benchmark.suite import find_suite
from benchmark.task import Sample
from evaluators.metrics.labels import OUTSIDE, Counts, accuracy, weighted_f1
from evaluators.metrics.metric import Measure, Metric, bounds_of, find_metric, metric_of
from evaluators.metrics.verdicts import preferences, statements, yes_no
from evaluators.metrics.verdicts.groups import OfGroups, all_right
from evaluators.metrics.verdicts.preferences import CONSISTENCY, of_two
from evaluators.metrics.verdicts.stated import stated
from evaluators.metrics.verdicts.yes_no import PAIRS, false_positive_ratio, share_right_of
from reports.kept.record import Record
from reports.stats.inference import cluster_codes, estimate

YES_NO, CORRECT = ("yes", "no"), ("correct", "incorrect")


def record(number: int, target: str, said: str | None, group: str | None = None) -> Record:
    """The record of an answer; None has no score, and "" names no label."""
    return Record(
        id=f"s/{number}", task="T", source="s", recording=group or f"s/{number}", question="Which?", label_set=YES_NO,
        targets=(target,), outcome="error" if said is None else "passed" if said == target else "failed",
        predicted=(said,) if said else (), scores={"accuracy": None if said is None else float(said == target)},
        group=group,
    )  # fmt: skip


def pairs_of(said: Sequence[tuple[str | None, str | None]]) -> list[Record]:
    """Pairs of a question whose answer is yes and one whose answer is no, with what is said to each."""
    return [
        record(2 * number + place, target, answer, f"g{number}")
        for number, answers in enumerate(said)
        for place, (target, answer) in enumerate(zip(YES_NO, answers, strict=True))
    ]


SAID = st.sampled_from(["yes", "no", "", None])
PAIRS_SAID = st.lists(st.tuples(SAID, SAID), min_size=1, max_size=25)


# ---- how a verdict is read


@pytest.mark.parametrize(
    ("text", "words", "verdict"),
    [
        ("yes", YES_NO, "yes"),
        ("**No.**", YES_NO, "no"),
        ("Yes, the mouth is open. There is no smile.", YES_NO, "yes"),
        ("The brows are up, and there is no smile.\nYes", YES_NO, "yes"),
        ("No smile is to be seen.\n\nFinal answer: yes", YES_NO, "yes"),
        ("Answer: No, since the voice is calm.", YES_NO, "no"),
        ("The answer is **yes** because he laughs.", YES_NO, "yes"),
        ("<think>no</think>\n<answer>yes</answer>", YES_NO, "yes"),
        ('{"answer": "no"}', YES_NO, "no"),
        ("There is no way to tell from the picture.", YES_NO, ""),
        ("Yesterday was better, nobody knows.", YES_NO, ""),
        ("No smile is to be seen.", YES_NO, ""),
        ("No\nThere is none to be seen.", YES_NO, "no"),
        ("Yes - the mouth is open.", YES_NO, "yes"),
        ("", YES_NO, ""),
        ("Incorrect.", CORRECT, "incorrect"),
        ("The statement is correct.", CORRECT, "correct"),
        ("So the statement is not entirely correct.", CORRECT, "incorrect"),
        ("This isn't incorrect", CORRECT, "correct"),
        ("It is correct that she smiles, but not why: incorrect", CORRECT, "incorrect"),
        ("I cannot judge this statement.", CORRECT, ""),
    ],
)
def test_a_verdict_is_taken_from_where_verdicts_stand(text: str, words: tuple[str, ...], verdict: str) -> None:
    assert stated(text, words) == ((verdict,) if verdict else ())


@given(st.text(max_size=60), st.sampled_from(CORRECT), st.sampled_from(["", ".", "!", " **", "\n\n"]))
def test_the_last_line_has_the_last_word(before: str, word: str, after: str) -> None:
    assert stated(f"{before}\n{word.upper()}{after}", CORRECT) == (word,)
    assert set(stated(before, CORRECT)) <= set(CORRECT)


# ---- measures of groups


def test_a_pair_is_right_if_both_answers_are() -> None:
    records = pairs_of([("yes", "no"), ("yes", "yes"), ("no", "no"), ("yes", "")])
    assert PAIRS.value(records) == 0.25
    assert PAIRS.column(records).tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    assert bounds_of(PAIRS, records) == (0.25, 0.25)


def test_a_pair_of_which_a_part_was_not_asked_or_has_no_score_does_not_count() -> None:
    records = [*pairs_of([("yes", "no"), ("yes", "yes"), (None, "no"), (None, "yes")]), record(99, "yes", "yes", "g9")]
    assert PAIRS.value(records) == 0.5
    column = PAIRS.column(records)
    assert np.isnan(column).tolist() == [False] * 4 + [True, False, True, False, False]
    assert np.nanmean(column) == pytest.approx(0.5)
    # the third pair may still be right; of the fourth, an answer is wrong
    assert bounds_of(PAIRS, records) == pytest.approx((1 / 4, 2 / 4))
    alone = [record(1, "yes", "yes", "g1"), record(2, "no", "no")]
    assert PAIRS.value(alone) is None
    assert np.isnan(PAIRS.column(alone)).all()
    assert bounds_of(PAIRS, alone) == (0.0, 1.0)


@given(PAIRS_SAID)
def test_the_column_of_pairs_has_the_measure_as_mean_and_the_spread_of_a_mean_over_pairs(
    said: list[tuple[str | None, str | None]],
) -> None:
    records = pairs_of(said)
    scored = [one for one in records if one.outcome != "error"]
    value, column = PAIRS.value(records), PAIRS.column(scored)
    low, high = bounds_of(PAIRS, records)
    marks = [float(pair == YES_NO) for pair in said if None not in pair]
    if value is None:
        assert not marks
        assert np.isnan(column).all()
        return
    assert value == pytest.approx(np.mean(marks))
    assert column.mean() == pytest.approx(value)
    best = np.mean([all(answer in (None, right) for answer, right in zip(pair, YES_NO, strict=True)) for pair in said])
    assert (low, high) == pytest.approx((np.mean([pair == YES_NO for pair in said]), best))
    if len(marks) == len(said) > 1:
        known = estimate(column, cluster_codes(one.recording for one in scored))
        # of independent pairs: the usual variance of a mean
        assert known.variance == pytest.approx(np.var(marks, ddof=1) / len(marks), abs=1e-12)
        assert known.df == pytest.approx(len(marks) - 1)


# ---- yes or no


def counted(basic: float, hallucinated: float, pairs: int) -> Counts:
    """The confusion matrix of as many pairs with these shares of right answers, and none without a verdict."""
    right, fair = round(basic * pairs), round(hallucinated * pairs)
    return Counter(
        {("yes", "yes"): right, ("yes", "no"): pairs - right, ("no", "no"): fair, ("no", "yes"): pairs - fair}
    )


@pytest.mark.parametrize(
    ("model", "difference", "ratio"),
    [("Qwen2.5-Omni-7B", -0.05, 0.44), ("Emotion-LLaMA", 0.20, 0.71), ("Gemini-2.5-Flash", 0.01, 0.51),
     ("Gemini-2.5-Pro", 0.01, 0.52)],
)  # fmt: skip
def test_the_printed_leaning_follows_from_the_printed_accuracies(model: str, difference: float, ratio: float) -> None:
    """EmotionHallucer, table of all modalities: two of its columns follow from two others by our formulas."""
    row = find_suite("emotionhallucer").read_published()["models"][model]["overall"]
    counts = counted(row["basic"], row["hallucinated"], 1371)
    said = sum(number for (_, answer), number in counts.items() if answer == "yes")
    assert said / 2742 - 1 / 2 == pytest.approx(difference, abs=0.0051)
    assert false_positive_ratio(counts) == pytest.approx(ratio, abs=0.0051)
    assert share_right_of("yes")(counts) == pytest.approx(row["basic"], abs=1e-3)
    assert row["pairs"] <= min(row["basic"], row["hallucinated"])


def test_an_answer_without_a_verdict_is_wrong_and_no_false_positive() -> None:
    counts = Counter({("yes", OUTSIDE): 1, ("no", OUTSIDE): 1, ("no", "yes"): 2, ("no", "no"): 5})
    assert false_positive_ratio(counts) == 0.5
    assert np.isnan(false_positive_ratio(Counter({("no", "no"): 1})))
    assert np.isnan(share_right_of("yes")(Counter({("no", "no"): 1})))
    shares = {one.name: one.value(pairs_of([("yes", "yes"), ("", "no")])) for one in yes_no.METRIC.details}
    assert shares == {"yes_rate": 0.5, "fp_ratio": 0.5}


def test_all_measures_of_a_run_without_a_mistake_and_of_one_without_scores() -> None:
    perfect, none = pairs_of([YES_NO] * 3), pairs_of([(None, None)] * 3)
    for measure in yes_no.METRIC.measures:
        assert measure.value(perfect) == 1
        assert measure.value(none) is None
        assert bounds_of(measure, none) == (0, 1)


# ---- statements


def test_a_statement_that_is_given_up_is_wrong_and_called_neither() -> None:
    records = [record(number, "correct", said) for number, said in enumerate(["correct", "incorrect", "", ""])]
    found = {one.name: one.value(records) for one in (*statements.METRIC.measures, *statements.METRIC.details)}
    assert found == {"accuracy": 0.25, "positive_ratio": 0.25, "give_up_ratio": 0.5}
    assert statements.METRIC.marks_of(("correct",), ()) == {"accuracy": 0}


# ---- preferences


def preferred(given_order: str, swapped: str, truth: str = "a1") -> list[Record]:
    other = {"a1": "a2", "a2": "a1", "same": "same"}
    both = [record(0, truth, given_order, "g"), record(1, other[truth], swapped, "g")]
    return [one.model_copy(update={"task": task}) for one, task in zip(both, ("given", "swapped"), strict=True)]


@pytest.mark.parametrize(
    ("said", "stays"),
    [(("a1", "a2"), 1), (("a2", "a1"), 1), (("same", "same"), 1), (("a1", "a1"), 0), (("a1", "same"), 0),
     (("", ""), 0), (("a1", ""), 0)],
)  # fmt: skip
def test_a_preference_stays_if_it_is_for_the_same_thing_in_both_orders(said: tuple[str, str], stays: float) -> None:
    records = preferred(*said)
    assert CONSISTENCY.value(records) == CONSISTENCY.value(records[::-1]) == stays
    assert CONSISTENCY.value(records[:1]) is None


def test_what_is_not_known_may_stay_or_not() -> None:
    unknown = record(1, "a2", None, "g")
    assert bounds_of(CONSISTENCY, [record(0, "a1", "a1", "g"), unknown]) == (0, 1)
    assert bounds_of(CONSISTENCY, [record(0, "a1", "", "g"), unknown]) == (0, 0)


def test_the_printed_accuracies_of_two_and_of_three_classes_are_of_the_same_answers() -> None:
    """EmoPrefer's row of Qwen2.5-Omni: 563 preferences and 11 that are the same, which the model never says."""
    row = find_suite("emoprefer").read_published()["models"]["Qwen2.5-Omni"]["tasks"]["given"]
    right = round(row["accuracy_of_2"] * 563)
    counts = Counter({("a1", "a1"): right, ("a1", "a2"): 563 - right, ("same", "a1"): 11})
    assert of_two(accuracy)(counts) == pytest.approx(row["accuracy_of_2"], abs=5e-5)
    assert accuracy(counts) == pytest.approx(row["accuracy"], abs=5e-5)


def test_of_two_classes_the_same_counts_as_the_first_and_what_is_the_same_does_not_count() -> None:
    counts = Counter({("a1", "same"): 2, ("a2", "same"): 1, ("a2", "a2"): 3, ("same", "a2"): 9, ("a1", "a2"): 1})
    as_first = Counter({("a1", "a1"): 2, ("a2", "a1"): 1, ("a2", "a2"): 3, ("a1", "a2"): 1})
    assert of_two(accuracy)(counts) == 5 / 7
    assert of_two(weighted_f1)(counts) == weighted_f1(as_first)
    assert np.isnan(of_two(accuracy)(Counter({("same", "a1"): 1})))


# ---- the metrics


def scored(suite: str, task: str, target: str, text: str) -> Mapping[str, Fraction | None]:
    asked = find_suite(suite).tasks[task]
    labels = {"emotionhallucer": YES_NO, "mvei": CORRECT, "emoprefer": preferences.LABELS, "emobench": ()}[suite]
    sample = Sample(
        id="s", task=asked, clip=None, label_set=labels, targets=(target,), source="s", recording="s", video_id="s"
    )
    roles: Any = SimpleNamespace(rated=lambda answer: answer)
    metric = metric_of(asked)
    found = asyncio.run(metric.score(sample, Answer(text=text, model="m", ending="whole"), roles))
    kept = record(1, target, "").model_copy(update={"predicted": found.score.predicted})
    marks = found.score.marks(sample)
    assert metric.remade(kept, several=False) == marks
    assert target in found.score.explain(sample)
    return marks


@pytest.mark.parametrize(
    ("suite", "task", "target", "text", "mark"),
    [
        ("emotionhallucer", "image", "no", "There is a smile.\nNo", 1),
        ("emotionhallucer", "image", "no", "It is hard to say.", 0),
        ("mvei", "SP", "incorrect", "The statement is incorrect.", 1),
        ("emoprefer", "given", "a1", "Description a2 does not fit.\na1", 1),
        ("emoprefer", "swapped", "same", "I cannot decide.", 1),
        ("emoprefer", "swapped", "a2", "I cannot decide.", 0),
        ("emobench", "Emo-O", "joy", "The mouth is wide.\nHappiness", 1),
        ("emobench", "Emo-O", "joy", "joy, anger, fear", 0),
        ("emobench", "Emo-O", "contentment", "The emotion shown is contentment.", 1),
        ("emobench", "Emo-O", "awe", "awe", 1),
        ("emobench", "Emo-O", "joy", "", 0),
    ],
)
def test_an_answer_is_scored(suite: str, task: str, target: str, text: str, mark: float) -> None:
    assert scored(suite, task, target, text) == {"accuracy": mark}


def test_the_score_of_emobench_is_the_mean_of_six_accuracies() -> None:
    names = [task.name for task in find_suite("emobench").task]
    rights = {name: [number < place for number in range(6)] for place, name in enumerate(names, 1)}
    records = [
        record(number, "yes", "yes" if right else "no").model_copy(update={"task": name})
        for name, marks in rights.items()
        for number, right in enumerate(marks[: 3 + len(name) % 4])
    ]
    means = [np.mean([one.scores["accuracy"] for one in records if one.task == name]) for name in names]
    (score, *_) = find_metric("emobench").measures
    assert len(means) == 6
    assert score.value(records) == pytest.approx(np.mean(means))
    assert score.column(records).mean() == pytest.approx(np.mean(means))


@pytest.mark.parametrize("name", ["verdicts.yes_no", "verdicts.statements", "verdicts.preferences", "emobench"])
def test_the_metrics_are_found_by_their_names(name: str) -> None:
    metric = find_metric(name)
    assert isinstance(metric, Metric)
    assert metric.name == name
    assert metric.roles == frozenset()
    assert all(isinstance(measure, Measure) for measure in (*metric.measures, *metric.details))


def test_groups_may_be_of_any_size() -> None:
    of: Callable[[Sequence[Any]], float] = all_right
    three = OfGroups("triples", "All three", 3, of)
    records = [record(number, "yes", "yes", f"g{number // 3}") for number in range(7)]
    assert three.value(records) == 1
    assert three.value(records[:2]) is None
