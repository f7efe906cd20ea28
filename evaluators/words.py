"""The words for emotions that a free answer names, found by an agent or by a list of words."""

import re
from collections.abc import Sequence

from benchmark.errors import ExtractorError, boundary
from benchmark.model import Answer
from benchmark.models.circumplex import place
from evaluators.judge.agent import Reply
from evaluators.judge.evidence import Question
from evaluators.judge.extractor import Extractor, PromptedExtractor
from evaluators.judge.fence import listed
from evaluators.judge.labels import asserted, named_labels, plain
from evaluators.judge.reply_format import last_block, numbered_texts
from evaluators.judge.rules import RulesExtractor

MOST_WORDS = 100
"""The most words of an answer; a longer list is cut."""
LONGEST = 120
"""The most characters of a word, or of words that belong together; longer ones are dropped."""
SIGNS = ("positive", "negative", "neutral")

_APART = re.compile(r"""["',;\[\]\u2018\u2019\u201c\u201d]""")
_WORD = re.compile(r"[a-z][a-z-]+")
_ITEM = re.compile(r"[^\W\d_]+(?:[ -][^\W\d_]+){0,2}")
_NONE = frozenset({"none", "other", "nan", "n/a"})


def split_words(text: str) -> tuple[str, ...]:
    """The words of a list such as `[angry, 'deeply hurt']`, each once and in small letters; none for "None"."""
    parts = (" ".join(part.split()).lower().strip(" .") for part in _APART.split(text))
    words = dict.fromkeys(part for part in parts if 0 < len(part) <= LONGEST and part not in _NONE)
    return tuple(words)[:MOST_WORDS]


def parse_words(text: str) -> tuple[str, ...]:
    """The words in the last step of `<step>Step 1: angry, hurt</step>`.

    Raises:
        RejectedReply: there is no such block.
    """
    return split_words(numbered_texts(last_block(text, "step")[1])[-1])


def found_words(text: str) -> tuple[str, ...]:
    """The words for emotions in an answer, by a list of words, each once; of an answer that is a list, all of them."""
    parts = text.strip().strip("[]").split(",")
    if all(_ITEM.fullmatch(part.strip(" \n'\".")) for part in parts):
        return split_words(text)
    words = plain(text)
    emotions = (match for match in _WORD.finditer(words) if match[0] not in _NONE and place(match[0]))
    return tuple(dict.fromkeys(match[0] for match in asserted(words, emotions)))[:MOST_WORDS]


async def extract_words(extractor: Extractor, answer: Answer, subject: str) -> Reply[tuple[str, ...]]:
    """The words for emotions that an answer names, in its order.

    A prompted extractor is asked with the prompt `words`; `rules` takes a list of words; any other is asked for steps
    without labels to choose from, and its prediction is the list.

    Raises:
        ExtractorError: no reply could be parsed.
    """
    with boundary(ExtractorError):
        if isinstance(extractor, PromptedExtractor):
            return await extractor.ask("words", {"answer": _said(answer)}, parse_words, subject)
        if isinstance(extractor, RulesExtractor):
            return Reply(value=found_words(_said(answer)), model=extractor.name)
        steps = await extractor.extract(answer, Question(subject=subject, label_set=(), several=True))
        return Reply(value=split_words(steps.value.prediction), model=steps.model, usage=steps.usage)


def _said(answer: Answer) -> str:
    """The answer without its thoughts, which weigh emotions that it does not settle on; these if there is no more."""
    return answer.text if answer.text.strip() else answer.reasoned


async def extract_sign(extractor: Extractor, words: Sequence[str]) -> Reply[str]:
    """The sentiment that words for emotions have together: one of `SIGNS`, or "" if it is mixed or there are none.

    `rules` takes the sign of the words' mean valence (`circumplex.toml`).

    Raises:
        ExtractorError: no reply could be parsed.
    """
    if not words:
        return Reply(value="", model=None)
    with boundary(ExtractorError):
        if isinstance(extractor, RulesExtractor):
            return Reply(value=_sign(words), model=extractor.name)
        question = Question(subject="sentiment", label_set=SIGNS, several=False)
        steps = await extractor.extract(Answer(text=", ".join(words), model=None), question)
        named = named_labels(steps.value.prediction, SIGNS)
        return Reply(
            value=named[0] if len(named) == 1 else "", model=steps.model, usage=steps.usage, rejected=steps.rejected
        )


def _sign(words: Sequence[str]) -> str:
    own = {"positive": 1.0, "negative": -1.0, "neutral": 0.0}
    valence = [own[word] for word in words if word in own]
    valence += [where.valence for word in words if word not in own and (where := place(word))]
    if not valence:
        return ""
    total = sum(valence)
    return SIGNS[0] if total > 0 else SIGNS[1] if total < 0 else SIGNS[2]


def parse_groups(text: str) -> tuple[tuple[str, ...], ...]:
    """The groups in `<step>Step 1: angry, furious Step 2: sad</step>`; a word in two groups belongs to the first.

    Raises:
        RejectedReply: there is no such block.
    """
    return tuple(filter(None, map(split_words, numbered_texts(last_block(text, "step")[1]))))


async def group_words(extractor: Extractor, words: Sequence[str], subject: str) -> Reply[tuple[tuple[str, ...], ...]]:
    """The words in groups of the same meaning; a word that is put in no group is one of its own.

    A prompted extractor is asked with the prompt `groups`; any other extractor leaves it to the table of synonyms
    (`synonyms.toml`).

    Raises:
        ExtractorError: no reply could be parsed.
    """
    words = tuple(dict.fromkeys(words))
    with boundary(ExtractorError):
        if isinstance(extractor, PromptedExtractor) and len(words) > 1:
            return await extractor.ask("groups", {"words": listed(words)}, parse_groups, subject)
    groups: list[list[str]] = []
    for word in words:
        alike = [group for group in groups if any(named_labels(word, (one,)) for one in group)]
        if alike:
            alike[0].append(word)
        else:
            groups.append([word])
    return Reply(value=tuple(map(tuple, groups)), model=extractor.name)
