"""The user of a SAGE dialogue by rules: it works offline, is the same every time, and measures nothing.

A message of the model moves the user by +10 points if it names feelings and takes up words of the user, by +5 if it
does one of these, by -5 if it does neither, and by -10 if the model has said it before. The user then says the next
sentence of its part.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from benchmark.model import Message
from benchmark.task import Sample
from evaluators.judge.rules import split_sentences

_FEELING = re.compile(
    r"\b(?:feel\w*|felt|sorry|understand\w*|sounds?|hard|hurts?|sad|angry|upset|lonely|worr\w+|proud)\b"
    r"|感受|感觉|理解|明白|难过|委屈|生气|孤独|担心|辛苦|不容易|心疼|抱歉",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z]{4,}")
_CHINESE = re.compile("[\u4e00-\u9fff]+")
_LEAD = re.compile(r"^[^:：.。]{1,30}[:：]\s*")
_WHOLE = re.compile(r"[.!?。！？]$")


def rules_message(sample: Sample, talk: Sequence[Message]) -> Message:
    """The user's next message, with the change of points in its notes."""
    change, why = _change(talk)
    return Message(speaker="user", text=_told(sample.part, talk), notes={"Analyse": why, "Change": f"{change:+d}"})


def _change(talk: Sequence[Message]) -> tuple[int, str]:
    *before, heard, said = talk
    if said.text in [message.text for message in before if message.speaker == "assistant"]:
        return -10, "It repeats itself."
    names, takes_up = _FEELING.search(said.text) is not None, bool(_words(said.text) & _words(heard.text))
    what = (f"names {'' if names else 'no '}feelings", f"takes up {'words' if takes_up else 'nothing'} of the user")
    return (-5, 5, 10)[names + takes_up], f"It {' and '.join(what)}."


def _words(text: str) -> set[str]:
    """Words of four letters or more, and pairs of Chinese characters."""
    pairs = {first + second for run in _CHINESE.findall(text) for first, second in pairwise(run)}
    return {*_WORD.findall(text.lower()), *pairs}


def _told(part: str, talk: Sequence[Message]) -> str:
    """The next whole sentence of the part, without a heading; from the first again after the last."""
    sentences = [_LEAD.sub("", sentence) for sentence in split_sentences(part) if _WHOLE.search(sentence)]
    told = sum(message.speaker == "user" for message in talk) - 1
    return sentences[told % len(sentences)] if sentences else talk[0].text
