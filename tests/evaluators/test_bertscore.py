"""BERTScore: greedy matching by hand, a tiny BERT, the authors' package where it is, and what is refused."""

import asyncio
import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import RunError
from evaluators import bertscore
from evaluators.bertscore import BertScoreOptions, Embedded, find_bertscore, greedy_f1

SAID = ("i am so sorry to hear that", "the cat sat on the mat .", "gladly", "i am sorry " * 9)
TRUE = ("so sorry you lost it", "cats sat on mat", "i am glad", "the cat sat")
UNIT = st.floats(-1, 1).filter(lambda one: abs(one) > 1e-3)
VECTORS = st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=4)


def embedded(*vectors: tuple[float, float], added: int = 0) -> Embedded:
    """A text whose first `added` tokens are the tokenizer's."""
    return Embedded(vectors=np.array(vectors, dtype=float), counts=np.arange(len(vectors)) >= added)


def test_greedy_matching_by_hand() -> None:
    answer = embedded((9, 9), (2, 0), (3, 4), added=1)
    reference = embedded((1, 0), (0, 5))
    # cosines of the answer's two own tokens: 1 and 0; 0.6 and 0.8. Of its first: 0.71 to both, which only recall sees.
    precision, recall = (1 + 0.8) / 2, (1 + 0.8) / 2
    assert greedy_f1(answer, reference) == pytest.approx(2 * precision * recall / (precision + recall))
    assert greedy_f1(embedded((1, 0)), embedded((-1, 0))) == 0
    assert greedy_f1(embedded((1, 0), added=1), reference) == 0


@given(VECTORS, VECTORS)
def test_the_score_is_symmetric_and_1_for_the_same_text(
    one: list[tuple[float, float]], other: list[tuple[float, float]]
) -> None:
    first, second = embedded(*one), embedded(*other)
    assert greedy_f1(first, first) == pytest.approx(1)
    assert 0 <= greedy_f1(first, second) <= 1
    assert greedy_f1(first, second) == pytest.approx(greedy_f1(second, first))


def test_a_model_compares_texts(checkpoint: Callable[[str], Path]) -> None:
    folder = checkpoint("bert")
    found = find_bertscore(BertScoreOptions(model=f"hf:{folder}", layer=2))
    found.fetch()
    assert found.name == "bert, layer 2"
    scores = [asyncio.run(found.score(*pair)) for pair in zip(SAID, TRUE, strict=True)]
    assert all(0 < score < 1 for score in scores)
    assert asyncio.run(found.score(SAID[0], SAID[0])) == pytest.approx(1)
    assert asyncio.run(found.score("", SAID[0])) == 0
    other = find_bertscore(BertScoreOptions(model=f"hf:{folder}", layer=3))
    assert asyncio.run(other.score(SAID[0], TRUE[0])) != pytest.approx(scores[0])


def test_roberta_s_first_word_begins_with_a_blank_as_all_others_do(
    checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_bertscore(BertScoreOptions(model=f"hf:{checkpoint('roberta')}", layer=2))
    blank = asyncio.run(found.score("sorry cat", "cat sorry"))
    monkeypatch.setattr(bertscore, "PREFIXED", frozenset())
    assert asyncio.run(found.score("sorry cat", "cat sorry")) != pytest.approx(blank)
    assert asyncio.run(found.score(" sorry cat", "cat sorry")) != pytest.approx(blank), "texts are stripped"


@pytest.mark.parametrize("layer", [0, 2, 3])
def test_the_score_is_that_of_the_authors_package(checkpoint: Callable[[str], Path], layer: int) -> None:
    try:
        package = importlib.import_module("bert_score")
    except ImportError as error:
        pytest.skip(f"bert_score, which the suite does not need, is not here: {error}")
    folder = str(checkpoint("bert"))
    *_, theirs = package.score(list(SAID), list(TRUE), model_type=folder, num_layers=layer, device="cpu")
    found = find_bertscore(BertScoreOptions(model=f"hf:{folder}", layer=layer))
    ours = [asyncio.run(found.score(*pair)) for pair in zip(SAID, TRUE, strict=True)]
    assert ours == pytest.approx(theirs.tolist(), abs=1e-5)


def test_what_cannot_be_used_is_refused(tmp_path: Path, checkpoint: Callable[[str], Path]) -> None:
    folder = checkpoint("bert")
    for options, said in (
        (BertScoreOptions(model="roberta-large"), "--bertscore=roberta-large must be hf:FOLDER or hf:ID of the hub"),
        (BertScoreOptions(model=f"hf:{folder}"), "its best layer is unknown; name one with --bertscore-layer=1 to 3"),
        (BertScoreOptions(model=f"hf:{folder}", layer=4), "--bertscore-layer=4 must be from 0 to 3"),
        (BertScoreOptions(model=f"hf:{tmp_path}", layer=1), "is not a checkpoint: .* has no config.json"),
    ):
        with pytest.raises(RunError, match=said):
            find_bertscore(options)
    broken = tmp_path / "roberta-large"
    broken.mkdir()
    (broken / "config.json").write_text('{"model_type": "roberta", "num_hidden_layers": 24}')
    found = find_bertscore(BertScoreOptions(model=f"hf:{broken}"))
    assert found.layer == 17
    with pytest.raises(RunError, match="has no weights"):
        found.fetch()
    with pytest.raises(RunError, match=r"--bertscore=hf:.*roberta-large cannot be loaded: "):
        asyncio.run(found.score("a", "b"))
    (broken / "config.json").write_text('{"model_type": "t5", "is_encoder_decoder": true, "num_hidden_layers": 2}')
    with pytest.raises(RunError, match="must be an encoder of text"):
        find_bertscore(BertScoreOptions(model=f"hf:{broken}"))
