"""Which labels of a label set a text names."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files

_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"'})
_MARKUP = re.compile(r"[*_`]+")
# what turns a label that follows closely into one that is not meant
_NEGATION = re.compile(
    r"\b(?:not|no|never|nor|neither|without|lacks?|absence|rather than|instead of|isn't|wasn't|aren't|doesn't|don't|"
    r"didn't|cannot|can't|hardly|excludes?|rules? out|ruled out)\b"
)
_CLAUSE_END = re.compile(
    r"[.;:!?\n\u3002]|\b(?:but|however|yet|although|though|because|so|therefore|rather(?! than)|instead(?! of))\b"
)
# "not only angry" and "no doubt angry" mean angry
_NOT_NEGATION = re.compile(r"\bnot (?:only|just|merely)\b|\bno (?:doubt|question)\b(?=\s+\w)")
REACH = 6
"""How many words before a label a negation is looked for, within its clause."""


def named_labels(text: str, label_set: Sequence[str]) -> tuple[str, ...]:
    """The labels of the set that the text names, in the set's order, each once.

    A label is named by itself, by a form of its word or by a synonym (`synonyms.toml`) that means no other label of the
    set. The longest name wins: "strong negative" does not also name "negative". What is negated is not named. "None"
    names nothing.
    """
    plain = _NOT_NEGATION.sub(" ", _MARKUP.sub(" ", text.translate(_QUOTES)).casefold())
    found = {label for label, start in _mentions(plain, tuple(label_set)) if not is_negated(plain, start)}
    return tuple(label for label in label_set if label in found)


def _mentions(plain: str, label_set: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    names = _names(label_set)
    for match in _pattern(label_set).finditer(plain):
        yield names[match[0]], match.start()


def is_negated(plain: str, start: int) -> bool:
    """Whether the word that starts there is negated: a negation shortly before it, in the same clause."""
    clause = _CLAUSE_END.split(plain[:start])[-1]
    return _NEGATION.search(" ".join(clause.split()[-REACH:])) is not None


@cache
def _pattern(label_set: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(_names(label_set), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


@cache
def _names(label_set: tuple[str, ...]) -> Mapping[str, str]:
    """Every name that means exactly one label of the set; a label's own name always means that label."""
    own = {label.casefold(): label for label in label_set}
    others = [(name, label) for label in label_set for name in _other_names(label)]
    meanings = Counter(name for name, _ in set(others))
    return {name: label for name, label in others if meanings[name] == 1} | own


def _other_names(label: str) -> frozenset[str]:
    parts = re.split(r"\s*/\s*", label.casefold())
    return frozenset(name for part in parts for name in _synonyms().get(part, (part,)))


@cache
def _synonyms() -> Mapping[str, tuple[str, ...]]:
    lines: list[str] = tomllib.loads(files("evaluators").joinpath("synonyms.toml").read_text("utf-8"))["forms"]
    return {word: tuple(line.split()) for line in lines for word in line.split()}
