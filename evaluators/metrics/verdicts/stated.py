"""Which of a few words an answer gives as its verdict: yes or no, correct or incorrect.

These words also stand in what is said around a verdict ("there is no smile"), so it must be in a place of a verdict.
"""

import re
from collections.abc import Sequence
from functools import cache

from evaluators.judge.labels import plain

_TAG = re.compile(r"</?\w+>")
_DENIED = re.compile(r"(?:\bnot|n't|\bnever|\bhardly)(?:\s+\w+){0,2}\s+$")


def stated(text: str, words: Sequence[str]) -> tuple[str, ...]:
    """The word that ends the last line, else the one after the last "answer", else the one that begins the text.

    Empty if there is none; the first word counts only if a sign follows it. With two words, one that is denied ("not
    correct") is the other.
    """
    said = _TAG.sub(" ", plain(text)).strip()
    last = said.rpartition("\n")[2]
    ending, answered, starting = _patterns(tuple(words))
    *_, answer = None, *answered.finditer(said)
    found = ending.search(last) or answer or starting.match(said)
    if found is None:
        return ()
    word = next(word for word in words if word.casefold() == found[1])
    if len(words) == 2 and _DENIED.search(found.string[: found.start(1)]):
        word = next(other for other in words if other != word)
    return (word,)


@cache
def _patterns(words: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    longest_first = sorted((word.casefold() for word in words), key=len, reverse=True)
    word = rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)"
    return (
        re.compile(rf"{word}[\W_]{{0,8}}$"),
        re.compile(rf"\banswer\b(?:\s+is\b)?[\W_]{{1,8}}{word}"),
        re.compile(rf"[\W_]{{0,8}}{word}(?=[\W_]*$|[^\S\n]*[^\w\s'])", re.MULTILINE),  # not "no smile"
    )
