"""How much of a reference text an answer has in common: BLEU, ROUGE-L, BERTScore, and how varied answers are.

BLEU is sacrebleu's; ROUGE-L takes the stems of NLTK. Both packages are of the extra `text` and are imported where they
are used. `rouge-score` and `bert-score`, which papers use, have had no release since 2022 and 2023; the first has no
wheel, and the second fails with some tokenizers of Transformers 5 and reads a text's first word otherwise with
RoBERTa's. So their two formulas are here and in `evaluators/bertscore.py`.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any

from benchmark.errors import RunError
from evaluators.bertscore import BertScore
from evaluators.metrics.metric import Marked, Mean, Measure

PACKAGES = ("sacrebleu", "nltk")
ORDERS = 4
"""The lengths of the n-grams of BLEU: 1 to 4."""

_NO_WORD = re.compile(r"[^a-z0-9]+")
_STEMMED = 4
"""The length from which ROUGE stems a word."""
_KEPT = 2**14
"""Of how many texts, or pairs of them, the words or the counts are kept."""
_SHORT = 4000
"""The most characters of a text whose words are kept."""

Counts = tuple[int, ...]
"""Of BLEU: the n-grams of each length in common, those of the answer, the answer's words and the reference's words."""


def lacking() -> Sequence[str]:
    """The packages of the extra `text` that are not installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


def check_packages(what: str) -> None:
    """Checks that BLEU and ROUGE can be computed.

    Raises:
        RunError: a package is missing; says which, and what needs it.
    """
    if missing := lacking():
        raise RunError(f"{what} needs {' and '.join(missing)}: pip install 'mme-emotion[text]'.")


@cache
def _bleu(**settings: Any) -> Any:
    """The metric of sacrebleu with these settings.

    Raises:
        RunError: sacrebleu is missing.
    """
    check_packages("BLEU")
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(**settings)


@lru_cache(_KEPT)
def bleu_counts(answer: str, reference: str) -> Counts:
    """The counts of BLEU for an answer, by sacrebleu's tokens `13a`, case kept; shape (2 x `ORDERS` + 2,)."""
    found = _bleu().corpus_score([answer], [[reference]])
    return (*found.counts, *found.totals, found.sys_len, found.ref_len)


def corpus_bleu(counts: Sequence[float], order: int = ORDERS) -> float:
    """BLEU, 0 to 1, of answers whose counts have these sums, with n-grams of up to `order` words.

    The geometric mean of the precisions, times the brevity penalty (Papineni et al. 2002, doi:10.3115/1073083.1073135);
    a precision of 0 is smoothed as by sacrebleu (`exp`; Post 2018, arXiv 1804.08771).
    """
    whole = [round(count) for count in counts]
    found = type(_bleu()).compute_bleu(
        correct=whole[:order],
        total=whole[ORDERS : ORDERS + order],
        sys_len=whole[-2],
        ref_len=whole[-1],
        smooth_method="exp",
        max_ngram_order=order,
    )
    return min(1.0, float(found.score) / 100)


@lru_cache(_KEPT)
def sentence_bleu(answer: str, reference: str) -> float:
    """BLEU, 0 to 1, of one answer, without the n-grams that it is too short for: sacrebleu's sentence BLEU."""
    found = _bleu(effective_order=True).sentence_score(answer, [reference])
    return min(1.0, float(found.score) / 100)


def unsmoothed_bleu(answer: str, reference: str) -> float:
    """BLEU-4, 0 to 1, of one answer split at blanks, 0 without a common n-gram of each length; as NLTK's default."""
    found = _bleu(tokenize="none", smooth_method="none").corpus_score([answer], [[reference]])
    return min(1.0, float(found.score) / 100)


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in small letters, by sacrebleu's tokens `13a`; kept, unless the text is long."""
    return _words(text) if len(text) <= _SHORT else _words.__wrapped__(text)


@lru_cache(_KEPT)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_bleu().tokenizer(text.lower()).split())


def rouge_l(answer: str, reference: str) -> float:
    """ROUGE-L, 0 to 1: the F1 of the longest common subsequence of stems (Lin 2004, aclanthology.org/W04-1013).

    Words are runs of a to z and 0 to 9 in small letters; those of four letters and more are stemmed by Porter's
    algorithm, in NLTK's form. Equal to `rouge-score` 0.1.2 with `use_stemmer=True`; a text in other letters has 0.
    """
    said, true = _stems(answer), _stems(reference)
    common = _common(said, true)
    return 2 * common / (len(said) + len(true)) if common else 0.0


@cache
def _stemmer() -> Any:
    check_packages("ROUGE-L")
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


def _stems(text: str) -> Sequence[str]:
    stemmer = _stemmer()
    words = _NO_WORD.sub(" ", text.lower()).split()
    return [stemmer.stem(word) if len(word) >= _STEMMED else word for word in words]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for place, match in enumerate(other, 1):
            above = row[place]
            row[place] = before + 1 if word == match else max(above, row[place - 1])
            before = above
    return row[-1]


def _overlap(answer: str, reference: str) -> tuple[float, float]:
    return unsmoothed_bleu(answer, reference), rouge_l(answer, reference)


@dataclass(frozen=True, slots=True)
class Overlap:
    """BLEU-4, ROUGE-L and BERTScore of an answer, as details beside another score.

    They are those of EmoBench-M's script (github.com/Emo-gml/EmoBench-M, EmoBench-M-eval.py): sentence BLEU-4 by NLTK's
    default, ROUGE-L with stems, F of BERTScore; each is a mean over samples.
    """

    names: tuple[str, ...] = ("bleu_4", "rouge_l", "bertscore")

    @property
    def details(self) -> tuple[Measure, ...]:
        """Their means."""
        return tuple(map(Mean, self.names, ("BLEU-4", "ROUGE-L", "BERTScore")))

    @property
    def remark(self) -> str:
        """What is missing for them, as a sentence; empty if nothing is."""
        missing = " and ".join(lacking())
        return f"BLEU-4 and ROUGE-L need {missing}: pip install 'mme-emotion[text]'." if missing else ""

    def remade(self, record: Marked) -> Mapping[str, Fraction | None]:
        """The marks as a record states them.

        Raises:
            ValueError: one is not from 0 to 1.
        """
        kept = {name: record.scores.get(name) for name in self.names}
        if strange := [name for name, mark in kept.items() if mark is not None and not 0 <= mark <= 1]:
            raise ValueError(f"{strange[0]} is not from 0 to 1")
        return {name: None if mark is None else Fraction(mark) for name, mark in kept.items()}

    async def marks(self, answer: str, reference: str, bertscore: BertScore | None) -> Mapping[str, Fraction | None]:
        """The marks, 0 to 1; None for those whose package is missing, and for BERTScore without a model."""
        texts = (answer, reference)
        found = (None, None) if lacking() else await asyncio.to_thread(_overlap, *texts)
        alike = await bertscore.score(*texts) if bertscore else None
        return {
            name: None if mark is None else Fraction(mark)
            for name, mark in zip(self.names, (*found, alike), strict=True)
        }
