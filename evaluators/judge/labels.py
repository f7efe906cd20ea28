"""Which labels of a label set a text names, and which of its words are not negated."""

import re
import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from evaluators.judge.lookalikes import spelt_out

_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"'})
# text that is struck out is removed
_MARKUP = re.compile(r"~~[^~\n]{1,200}+~~|<(del|s|strike)>[^<]{1,200}+</\1>|[*_`]+", re.IGNORECASE)
REACH = 8
"""How many words before a word are searched for a negation, within its clause."""

_NEGATION = re.compile(
    r"\b(?:not|no|never|nor|neither|without|lack(?:s|ing)?|absence|than|instead\s+of|far\s+from|"
    r"free\s+(?:of|from)|(?:anything|everything|all)\s+but|except(?:ing)?|opposite\s+of|(?:i|we)\s+doubt|doubtful|"
    r"(?:wrong|incorrect|false|refuse)\s+to\s+(?:say|call|name)|devoid|cannot|hardly|unlike|\w+n't|"
    r"(?:is|are|was|were|do|does|did|wo|would|ca|could|has|have)nt|exclud(?:es?|ed|ing)|rul(?:es?|ed|ing)\s+out)\b"
)
_NON = re.compile(r"\b(?:non|un|anti)-\s*")
_TURN = (
    "(?<!anything )(?<!everything )(?<!all )but|however|yet|although|though|because|so|therefore|while|whereas|why|"
    "rather(?! than)|instead(?! of)"
)
_CLAUSE_END = re.compile(rf"[.;:!?()\n\u3002\u2014]|\s[-\u2013]\s|\b(?:{_TURN})\b")
# "no smile, the eyes show anger": a new clause begins with its subject
_SUBJECT = re.compile(
    r",\s*(?:and\s+)?(?=(?:s?he|it|they|his|her|its|their|this|that|these|there|which|who|the|i|we|you|an?)\b)"
)
_SEGMENT_END = re.compile(r",|\band\b")
_ALTERNATIVE = re.compile(r"\b(?:or|nor)\b")
_WORD = re.compile(r"\S+")
# "no anger, clear fear or sadness": what is listed after a denied word is denied with it, but not "no anger, but fear"
_LISTED = re.compile(
    r"\s*(?:[,/]\s*(?:and\s+|n?or\s+)?|\b(?:and|n?or)\s+)"
    rf"(?:(?!\w*[^s]s\b|(?:is|are|was|{_TURN}|only|just|merely|simply)\b)\w+\s+)?"
)
_DENIED = re.compile(
    r"\s+(?:is|are|was|were|seems?|appears?|can be|could be|would be|may be)\s*(?:\w+ly\s+)?"
    r"(?:(?:not|n't)\s+(?:\w+ly\s+)?(?:present|evident|visible|apparent|likely|shown|seen|heard|supported|expressed|"
    r"detected|observed|indicated|displayed|it|right|correct|true|the\s+(?:answer|label|case))"
    r"|absent|missing|unlikely|excluded|ruled out|wrong|incorrect|false|untrue)\b"
    r"|\s+(?:does|do|did|can|could|would|will)\s*(?:not|n't)\s+(?:\w+ly\s+)?(?:fit|apply|match|be|hold|suit)\b"
    r"|-(?:less|free)\b|\s*\?\s*no\b|\s*\(\s*(?:no|not|wrong|false|excluded|ruled out)\s*[).,]"
    r"|,?\s+not\s*(?:[.!;\n]|\Z)|\s*[\u2014\u2013-]\s*no\s*[,.!;]"
)


def named_labels(text: str, label_set: Sequence[str]) -> tuple[str, ...]:
    """The labels of the set that the text names, in the set's order, each once.

    A label is named by itself, by a form of its word, or by a synonym (`synonyms.toml`) that means no other label of
    the set. The longest name wins: "strong negative" does not also name "negative". Negated names do not count.
    """
    words = plain(text)
    names = _names(tuple(label_set))
    mentions = asserted(words, _pattern(tuple(label_set)).finditer(words))
    found = {names[_spaced(mention[0])] for mention in mentions}
    return tuple(label for label in label_set if label in found)


def plain(text: str) -> str:
    """The text spelt out in lower case, without markup, curly quotes and idioms whose words mean something else."""
    return _idioms().sub(" ", _MARKUP.sub(" ", spelt_out(text).translate(_QUOTES)).casefold())


def asserted(words: str, mentions: Iterable[re.Match[str]]) -> Iterator[re.Match[str]]:
    """The mentions that a `plain` text does not negate; they must be in its order. Takes linear time."""
    marks: _Marks | None = None
    end, negated = 0, False
    for mention in mentions:
        marks = marks or _Marks(words)
        listed = _LISTED.fullmatch(words, end, mention.start()) is not None
        negated = marks.negate(mention.start()) or (negated and listed)
        end = mention.end()
        if not negated and _DENIED.match(words, end) is None:
            yield mention


@dataclass(frozen=True, slots=True)
class _Spans:
    """Where a pattern matches in a text: starts and ends, both ascending."""

    starts: Sequence[int]
    ends: Sequence[int]

    def start(self, place: int) -> int:
        """Where the last match starts that ends at or before a place; -1 if there is none."""
        count = bisect_right(self.ends, place)
        return self.starts[count - 1] if count else -1

    def end(self, place: int) -> int:
        """Where the last match ends that ends at or before a place; 0 if there is none."""
        count = bisect_right(self.ends, place)
        return self.ends[count - 1] if count else 0


class _Marks:
    """What decides whether a word is negated. All of it is found once for the whole text, which is faster."""

    def __init__(self, words: str) -> None:
        self.clause_ends = _spans(_CLAUSE_END, words)
        self.subjects = _spans(_SUBJECT, words)
        self.segment_ends = _spans(_SEGMENT_END, words)
        self.alternatives = _spans(_ALTERNATIVE, words)
        self.negations = _spans(_NEGATION, words)
        self.prefixes = _spans(_NON, words)
        self.words = _spans(_WORD, words)

    def negate(self, place: int) -> bool:
        """Whether the text before a word negates it: in its segment, or in its clause if the segment has an "or"."""
        # a subject that starts at the place is the word in question, not the start of a clause
        clause = max(self.clause_ends.end(place), self.subjects.end(place - 1))
        segment = max(clause, self.segment_ends.end(place))
        scope = clause if self.alternatives.start(place) >= segment else segment
        within = bisect_left(self.words.starts, place)
        reach = max(scope, self.words.starts[within - REACH] if within >= REACH else 0)
        prefix = self.prefixes.start(place) if self.prefixes.end(place) == place else -1
        return max(self.negations.start(place), prefix) >= reach


def _spans(pattern: re.Pattern[str], words: str) -> _Spans:
    spans = [match.span() for match in pattern.finditer(words)]
    return _Spans(starts=[start for start, _ in spans], ends=[end for _, end in spans])


def _spaced(name: str) -> str:
    return " ".join(re.split(r"[\s-]+", name))


def _small(label: str) -> str:
    return spelt_out(label).casefold()


@cache
def _pattern(label_set: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(_names(label_set), key=len, reverse=True)
    names = (r"[\s-]+".join(map(re.escape, name.split())) for name in longest_first)
    return re.compile(rf"(?<!\w)(?:{'|'.join(names)})(?!\w)")


@cache
def _names(label_set: tuple[str, ...]) -> Mapping[str, str | None]:
    """The label of each name: a label's own name means that label, a synonym of several labels means none."""
    names: dict[str, str | None] = {}
    for label in label_set:
        for name in _other_names(label):
            names[name] = None if name in names else label
    return names | {_spaced(_small(label)): label for label in label_set}


def _other_names(label: str) -> frozenset[str]:
    parts = map(_spaced, re.split(r"\s*/\s*", _small(label)))
    return frozenset(name for part in parts for name in (part, *_synonyms().get(part, ())))


@cache
def _table() -> Mapping[str, Sequence[str]]:
    return tomllib.loads(files("evaluators.judge").joinpath("synonyms.toml").read_text("utf-8"))


@cache
def _synonyms() -> Mapping[str, frozenset[str]]:
    lines = [frozenset(line.split(", ")) for line in _table()["forms"]]
    return {word: frozenset().union(*(line for line in lines if word in line)) for word in frozenset().union(*lines)}


@cache
def _idioms() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(_table()['idioms'])})\b")
