"""Replies compared with a reference: by kept libraries, by hand, and without what they need."""

import asyncio
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import RunError
from benchmark.model import Answer
from benchmark.suite import find_suite
from benchmark.task import Sample
from evaluators.measures import measures_of
from evaluators.metrics.metric import Equipped, Measure, bounds_of, passes
from evaluators.metrics.texts import overlap
from evaluators.metrics.texts.overlap import Overlap, rouge_l, unsmoothed_bleu, words_of
from evaluators.metrics.texts.replies import METRIC
from reports.kept.record import Record

pytest.importorskip("sacrebleu")
pytest.importorskip("nltk")

SUITE = find_suite("empathetic-dialogues")
MEASURES = measures_of(SUITE)
DETAILS = {one.name: one for one in METRIC.details}
PAIRS = (
    ("I am so sorry to hear that.", "I am sorry to hear that! Are you okay?"),
    ("That is great news!", "Wow, that is great news."),
    ("I am so sorry to hear that.", "What happened then?"),
)
TEXT = st.text("ab .'", max_size=12)
DIALOGUES = st.lists(st.tuples(TEXT, TEXT.filter(str.strip), st.booleans()), min_size=1, max_size=8)


def sample_of(reference: str = "Are you okay?") -> Sample:
    return Sample(
        id="s", task=SUITE.tasks["reply"], clip=None, label_set=(), targets=(reference,), source="s", recording="s",
        video_id="s",
    )  # fmt: skip


def record(number: int, reply: str, reference: str, *, scored: bool = True, task: str = "reply") -> Record:
    marks = METRIC.remade(SimpleNamespace(predicted=(reply,), targets=(reference,), scores={}), several=False)
    return Record(
        id=f"s/{number}", task=task, source="s", recording=f"s/{number}", question="?", label_set=(),
        targets=(reference,), outcome="passed" if scored else "error", predicted=(reply,) if scored else (),
        scores={name: float(mark) if scored and mark is not None else None for name, mark in marks.items()},
    )  # fmt: skip


def named(emotion: str, *, right: bool) -> Record:
    return Record(
        id=f"e/{emotion}", task="emotion", source="s", recording="s/0", question="?", label_set=("sad", "proud"),
        targets=(emotion,), outcome="passed" if right else "failed", predicted=("sad",),
        scores={"accuracy": float(right)},
    )  # fmt: skip


def all_of(pairs: Sequence[tuple[str, str]]) -> list[Record]:
    return [record(number, *pair) for number, pair in enumerate(pairs)]


@given(st.lists(st.tuples(TEXT, TEXT.filter(str.strip)), min_size=1, max_size=6))
def test_bleu_is_sacrebleu_s_of_the_whole_corpus(pairs: list[tuple[str, str]]) -> None:
    from sacrebleu.metrics.bleu import BLEU

    records = all_of(pairs)
    replies, references = [list(column) for column in zip(*pairs, strict=True)]
    for order, measure in ((4, MEASURES.by_name["bleu"]), *((n, DETAILS[f"bleu_{n}"]) for n in (1, 2, 3))):
        whole = BLEU(max_ngram_order=order).corpus_score(replies, [references]).score / 100
        assert measure.value(records) == pytest.approx(min(1.0, whole))


def test_bleu_and_dist_by_hand() -> None:
    records = all_of(PAIRS[:2])
    # in common: I am sorry to hear that, 6 of 8; is great news, 3 of 5, since case counts; references have 11 and 7
    assert words_of(PAIRS[0][0]) == ("i", "am", "so", "sorry", "to", "hear", "that", ".")
    assert DETAILS["bleu_1"].value(records) == pytest.approx(9 / 13 * np.exp(1 - 18 / 13))
    # 13 tokens in small letters, of which `that` alone is there twice
    assert MEASURES.by_name["dist_1"].value(records) == pytest.approx(12 / 13)
    assert MEASURES.by_name["dist_2"].value(records) == 1
    assert MEASURES.by_name["dist_2"].value(all_of(PAIRS)) == pytest.approx(11 / 18)


@given(DIALOGUES)
def test_pseudo_values_are_those_of_leaving_each_reply_out(dialogues: list[tuple[str, str, bool]]) -> None:
    records = [record(number, reply, reference) for number, (reply, reference, _) in enumerate(dialogues)]
    n = len(records)
    for name in ("bleu", "dist_1", "dist_2"):
        measure: Measure = MEASURES.by_name[name]
        whole, column = measure.value(records), measure.column(records)
        assert whole is not None
        assert column.mean() == pytest.approx(whole, abs=1e-9)
        if n > 1:
            rest = [measure.value(records[:at] + records[at + 1 :]) for at in range(n)]
            pseudo = np.array([n * whole - (n - 1) * float(one or 0) for one in rest])
            assert column == pytest.approx(pseudo - pseudo.mean() + whole, abs=1e-9)


@given(DIALOGUES)
def test_the_unscored_bound_bleu(dialogues: list[tuple[str, str, bool]]) -> None:
    seen = [record(at, reply, true, scored=scored) for at, (reply, true, scored) in enumerate(dialogues)]
    best = [record(at, reply if scored else true, true) for at, (reply, true, scored) in enumerate(dialogues)]
    measure = MEASURES.by_name["bleu"]
    low, high = bounds_of(measure, seen)
    assert low - 1e-9 <= high == pytest.approx(float(measure.value(best) or 0), abs=1e-9)
    for name in ("dist_1", "dist_2"):
        low, high = bounds_of(MEASURES.by_name[name], seen)
        assert -1e-9 <= low <= high + 1e-9 <= 1 + 2e-9


def test_what_is_unscored_counts_in_dist_as_a_usual_reply_all_new_or_nothing_new() -> None:
    seen = [*all_of(PAIRS[:1]), record(1, "", "x", scored=False)]
    assert bounds_of(MEASURES.by_name["dist_1"], seen) == pytest.approx((0.5, 1.0))
    assert bounds_of(MEASURES.by_name["dist_1"], seen[1:]) == pytest.approx((0.0, 1.0))


def test_each_task_counts_in_its_own_measures_alone() -> None:
    replies, emotions = all_of(PAIRS), [named("sad", right=True), named("proud", right=False)]
    for name, measure in MEASURES.by_name.items():
        own, others = (emotions, replies) if name == "accuracy" else (replies, emotions)
        assert measure.value([*own, *others]) == measure.value(own)
        assert measure.value(others) is None
    assert MEASURES.by_name["accuracy"].value(emotions) == 0.5
    assert MEASURES.by_name["bertscore"].value(replies) is None
    assert bounds_of(MEASURES.by_name["accuracy"], [*emotions, *replies])[0] == pytest.approx(0.5)


@dataclass
class Alike:
    """Compares texts by their lengths."""

    async def score(self, answer: str, reference: str) -> float:
        return min(len(answer), len(reference)) / max(1, len(answer), len(reference))


def scored(answer: Answer, bertscore: Any = None) -> Any:
    roles: Any = SimpleNamespace(rated=lambda given: given, bertscore=bertscore)
    return asyncio.run(METRIC.score(sample_of(), answer, roles)).score


def test_a_reply_is_scored_and_its_record_checked() -> None:
    score = scored(Answer(text=" Are you okay? \n", model="m"), Alike())
    assert score.marks(sample_of()) == {"bleu": 1, "bertscore": 1, "replied": 1}
    assert passes(sample_of(), score)
    kept = SimpleNamespace(predicted=score.predicted, targets=("Are you okay?",), scores={"bertscore": 1.0})
    assert METRIC.remade(kept, several=False) == score.marks(sample_of())
    with pytest.raises(ValueError, match="bertscore is not from 0 to 1"):
        METRIC.remade(SimpleNamespace(**{**vars(kept), "scores": {"bertscore": 1.5}}), several=False)
    with pytest.raises(ValueError, match="must have one reply"):
        METRIC.remade(SimpleNamespace(**{**vars(kept), "predicted": ()}), several=False)


def test_thoughts_are_no_reply() -> None:
    score = scored(Answer(text="", thoughts="Are you okay?", model="m"))
    assert score.marks(sample_of()) == {"bleu": 0, "bertscore": None, "replied": 0}
    assert not passes(sample_of(), score)
    assert "m gives no reply" in score.explain(sample_of())


@pytest.mark.parametrize(
    ("reference", "answer", "f1"),
    [  # what rouge-score 0.1.2 gives, with use_stemmer=True
        ("so sorry, you lost it", "I am so sorry to hear that", 0.3333333333333333),
        ("They laughed since the hats fell off.", "The hat falling made people laugh, they said.", 0.26666666666666666),
        ("it's a 3-day trip", "Its the 3 day trips!", 0.5454545454545454),
        ("a b a b", "b a b a", 0.75),
        ("été", "ete", 0.0),
        ("", "a", 0.0),
    ],
)
def test_rouge_l_is_that_of_its_first_package(reference: str, answer: str, f1: float) -> None:
    assert rouge_l(answer, reference) == pytest.approx(f1)


@given(st.text("ab c", max_size=20), st.text("ab c", min_size=1, max_size=20).filter(str.strip))
def test_unsmoothed_bleu_is_nltk_s(answer: str, reference: str) -> None:
    from nltk.translate.bleu_score import sentence_bleu

    with warnings.catch_warnings(action="ignore"):  # of texts with nothing in common
        expected = sentence_bleu([reference.split()], answer.split()) if answer.split() else 0
    assert unsmoothed_bleu(answer, reference) == pytest.approx(expected, abs=1e-9)


def test_overlap_is_measured_as_far_as_what_it_needs_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ("the hat fell off at once", "the hat fell off at last")
    marks = asyncio.run(Overlap().marks(*texts, None))
    assert marks["bleu_4"] == pytest.approx((5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)
    assert (marks["rouge_l"], marks["bertscore"]) == (Fraction(5 / 6), None)
    assert Overlap().remark == ""
    assert isinstance(METRIC, Equipped)
    METRIC.check()
    monkeypatch.setattr(overlap, "PACKAGES", ("sacrebleu", "no_such_package"))
    assert asyncio.run(Overlap().marks(*texts, Alike())) == {"bleu_4": None, "rouge_l": None, "bertscore": 1}  # type: ignore[arg-type]
    assert Overlap().remark == "BLEU-4 and ROUGE-L need no_such_package: pip install 'mme-emotion[text]'."
    with pytest.raises(RunError, match=r"BLEU of replies needs no_such_package: pip install 'mme-emotion\[text\]'\."):
        MEASURES.check()


def test_overlap_of_a_record_is_checked_to_be_possible() -> None:
    names = Overlap().names
    kept = SimpleNamespace(scores={"bleu_4": 0.5, "bertscore": 0.25})
    assert Overlap().remade(kept) == dict(zip(names, (Fraction(1, 2), None, Fraction(1, 4)), strict=True))
    with pytest.raises(ValueError, match="rouge_l is not from 0 to 1"):
        Overlap().remade(SimpleNamespace(scores={"rouge_l": -0.1}))
