"""Keeping what others have written from being anything but text to an agent: answers, steps, clues, labels, replies.

A prompt encloses each such text between two lines that stand nowhere in it:

    The candidate labels were:
    ===== 3f0c1d2e4a5b =====
    joy; anger
    ===== 3f0c1d2e4a5b =====
"""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate
from string import Template

from benchmark.errors import RunError
from evaluators.judge.lookalikes import CLOSES, OPENS, is_plain, look, pieces_of

# what no text needs: escape sequences and control characters, overrides of direction, tag characters
_STEERING = re.compile(
    "\x1b\\[[0-?]{0,32}+[ -/]?[@-~]"
    "|[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# of a text as it looks
_TAG = re.compile(rf"[<{OPENS}][\s/]*+(?:step|sc[o0]re|reas[o0]n|think)(?![a-z])(?:\s*+[>{CLOSES}])?")
_WORD = re.compile(r"<[/!?]*+[a-z_][a-z0-9_.:-]*+\s?/?>")
_OPENING, _CLOSING = re.compile(r"<(?:[/!?]*+\||!--|!\[)"), re.compile(r"\|>")
_SQUARE = re.compile(
    r"\[/?(?:inst|system_prompt|available_tools|tool_(?:calls|results|content)|img(?:_\w+)?|audio|begin_audio|think"
    r"|gmask|sop|cls|sep|mask|pad|unk|bos|eos|prefix|suffix|middle|args|call_id)\]"
)
_FENCE = re.compile(r"=(?<!==)={3,}+[^=\n]{1,64}+={4,}+")
_BRACKETS = f"<>{OPENS}{CLOSES}"
_TURNED = (
    *((pattern, _BRACKETS) for pattern in (_TAG, _WORD, _OPENING, _CLOSING)),
    (_SQUARE, "[]"),
    (_FENCE, "="),
)
"""What is looked for, and the signs of it that become others."""

_SUSPECT = frozenset(f"<[=|&\\%{OPENS}")
_PLAIN = {"<": "(", OPENS: "(", "[": "(", ">": ")", CLOSES: ")", "]": ")", "=": "-"}

_MARK = re.compile(r"step(?<![a-z0-9]step)\s*+[0-9]{1,4}+\s*+(:|[.)\u2013\u2014-](?![0-9]))")


def defused(text: str) -> str:
    """The text with round brackets in place of those of tags and control tokens, and dashes in place of fences.

    `<step>` becomes `(step)`, `[INST]` becomes `(INST)`: neither an agent that quotes the text nor one that normalises
    it can reply with a planted block. What looks like our own tags counts as they do, however it is disguised.
    Everything else stays, but for control characters and signs that turn the direction of writing. Takes time in
    proportion; defusing twice is defusing once.
    """
    if not any(map(_is_suspect, set(text))):
        return text
    text = _STEERING.sub("", text)
    pieces = pieces_of(text)
    looks = list(text.lower()) if is_plain(text) else list(map(look, pieces))
    changes = _turned("".join(looks))
    return _rewritten(pieces, looks, changes) if changes else text


def _turned(signs: str) -> Mapping[int, str]:
    """What becomes another sign in a text that looks so, by place."""
    return {
        place: _PLAIN[signs[place]]
        for pattern, turned in _TURNED
        for found in pattern.finditer(signs)
        for place in range(*found.span())
        if signs[place] in turned
    }


def unnumbered(text: str) -> str:
    """The text, on one line, with a comma behind what looks like the number of a step: `Step 2, 1/1`."""
    line = " ".join(text.split())
    if (line.isascii() and _MARK.search(line.lower()) is None) or not any(map(_counts, set(line))):
        return line
    pieces = list(line)
    looks = list(map(look, pieces))
    changes = {found.start(1): "," for found in _MARK.finditer("".join(looks))}
    return _rewritten(pieces, looks, changes) if changes else line


@cache
def _is_suspect(sign: str) -> bool:
    """Whether a tag, a fence, an escape or what steers a terminal could begin with the sign; most texts have none."""
    return any(mark in _SUSPECT for mark in look(sign)) or _STEERING.match(sign) is not None


@cache
def _counts(sign: str) -> bool:
    return any(map(str.isdecimal, look(sign)))


def _rewritten(pieces: list[str], looks: list[str], changes: Mapping[int, str]) -> str:
    """The pieces as one text, with those changed that stand at places of their looks."""
    ends = list(accumulate(map(len, looks)))
    for place, sign in changes.items():
        pieces[bisect_right(ends, place)] = sign
    return "".join(pieces)


def listed(labels: Iterable[str]) -> str:
    """Labels as agents are shown them, on one line."""
    return "; ".join(" ".join(label.split()) for label in labels)


def fence_for(*texts: str) -> str:
    """A line that stands nowhere in the texts, so that nothing in them can end what it encloses.

    It depends on the texts alone: the same texts make the same prompt, which the cache can find again.
    """
    return f"===== {first_absent(_marks(texts), texts)} ====="


def first_absent(marks: Iterable[str], texts: Sequence[str]) -> str:
    """The first of the marks, in small letters, that none of the texts quotes."""
    return next(mark for mark in marks if not any(mark in text.lower() for text in texts))


def _marks(texts: Sequence[str]) -> Iterator[str]:
    """Marks without end, each the beginning of a digest: of the texts, then of the digest before."""
    digest = "\0".join(texts)
    while True:
        digest = hashlib.sha256(digest.encode()).hexdigest()
        yield digest[:12]


def request(template: Template, texts: Mapping[str, str], **ours: object) -> str:
    """The prompt: texts of others by placeholder, each defused and enclosed, and what is our own.

    Raises:
        RunError: the template's fences are not in pairs.
    """
    shown = {name: defused(text) for name, text in texts.items()}
    enclosed = Template(fenced(template.template, frozenset(texts)))
    return enclosed.substitute(shown, fence=fence_for(*shown.values()), **ours)


_FENCE_LINE = re.compile(r"[ \t]*\$(?:fence|\{fence\})[ \t]*")


@cache
def fenced(template: str, names: frozenset[str]) -> str:
    """The template's text with lines of `$fence` around each of the placeholders that has none yet.

    Raises:
        RunError: a line of `$fence` has no other.
    """
    lines = template.split("\n")
    fences = [number for number, line in enumerate(lines) if _FENCE_LINE.fullmatch(line)]
    if len(fences) % 2:
        raise RunError(
            f"The prompt that begins with `{template.lstrip()[:40]}` has {len(fences)} lines with nothing but $fence:"
            " each text needs one before it and one behind it."
        )
    inside = {number for first, last in zip(fences[::2], fences[1::2], strict=True) for number in range(first, last)}
    parts = (line if number in inside else _enclosed(line, names) for number, line in enumerate(lines))
    return "\n".join(parts)


def _enclosed(line: str, names: frozenset[str]) -> str:
    return "\n".join(part for part in _around(line, names) if part) if "$" in line else line


def _around(line: str, names: frozenset[str]) -> Iterator[str]:
    at = 0
    for found in Template.pattern.finditer(line):
        if (found["named"] or found["braced"]) in names:
            yield from (line[at : found.start()].rstrip(), "$fence", found[0], "$fence")
            at = found.end()
    yield line[at:].lstrip() if at else line
