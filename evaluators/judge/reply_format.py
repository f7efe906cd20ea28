"""The format in which agents reply: numbered texts in a tagged block, `<step>Step 1: … Step 2: …</step>`."""

import re
import string

from evaluators.judge.agent import RejectedReply


def last_block(text: str, tag: str) -> re.Match[str]:
    """The last complete block of the tag, with its content as group 1; earlier ones may be drafts, quoted or planted.

    Raises:
        RejectedReply: there is no complete block.
    """
    edge = rf"\s*(?:/\s*)?{tag}\s*>"
    # no possessive group of choices: Python before 3.11.5 matches it wrongly (github.com/python/cpython/issues/106052)
    block = rf"<\s*{tag}\s*>([^<]*+(?:<(?!{edge})[^<]*+)*)<\s*/\s*{tag}\s*>"
    *_, found = None, *re.finditer(block, text, re.IGNORECASE)
    if found is None:
        raise RejectedReply(f"It has no complete <{tag}>…</{tag}> block.")
    return found


_MARKUP = re.compile(r"\*{2,}|_{2,}|```(?:\w*$)?", re.MULTILINE)
_MARK = re.compile(
    r"""(?P<begins>^(?:[^\w\n]|_){0,9}  # a line begins, perhaps with a bullet
            |(?:(?<=[.!?;\u3002])|(?<=[.!?;\u3002]["')\u201d\u2019]))\s{0,9})?  # a sentence has ended, perhaps quoted
        (?<![A-Za-z0-9])step\s*+(?P<number>[0-9]{1,4})\s*+[*_]?\s*+
        (?P<separator>[:\uff1a]|[.)\u2013\u2014-](?![0-9]))(?:[*_](?=\s))?  # full-width colon, dashes""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


def numbered_texts(block: str) -> tuple[str, ...]:
    """The texts after the marks `Step 1:`, `Step 2:`, …: at least one, each on one line and not empty.

    `Step 2:` is a mark wherever it stands; `Step 2.`, `Step 2)` and `Step 2 -` only at the start of a line or sentence,
    or if the first mark is written in the same way. So "as Step 2 shows" is part of a text. A mark with an unexpected
    number is not taken for text, which could join two steps, but rejected. Bold type, code fences and what precedes the
    first mark are dropped.

    Raises:
        RejectedReply: there is no mark, the numbers are not 1, 2, 3, …, or a text is empty.
    """
    plain = _MARKUP.sub("", block)
    found = list(_MARK.finditer(plain))
    if not found:
        raise RejectedReply("Its block has no `Step 1:`.")
    alike = (":", "\uff1a", found[0]["separator"])
    marks = [mark for mark in found if mark["begins"] is not None or mark["separator"] in alike]
    ends = [*(mark.start() for mark in marks[1:]), len(plain)]
    return tuple(_text(place, mark, end) for place, (mark, end) in enumerate(zip(marks, ends, strict=True), 1))


def _text(place: int, mark: re.Match[str], end: int) -> str:
    if int(mark["number"]) != place:
        raise RejectedReply(
            f"`Step {mark['number']}` stands where `Step {place}` should: number the steps 1, 2, 3, … in one block."
        )
    text = " ".join(mark.string[mark.end() : end].split())
    if not text.strip(string.punctuation):
        raise RejectedReply(f"Step {place} is empty.")
    return text
