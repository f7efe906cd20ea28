"""Makes sure that foreign text in a prompt (answers, steps, clues, labels) is only text to an agent.

A prompt encloses each such text between two lines that do not occur in it:

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

# removed from texts: escape sequences and control characters, overrides of direction, tag characters
_STEERING = re.compile(
    "\x1b\\[[0-?]{0,32}+[ -/]?[@-~]"
    "|[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# these are searched for in a text as it looks, see `look`
_TAG = re.compile(rf"[<{OPENS}][\s/]*+(?:step|sc[o0]re|reas[o0]n|think)(?![a-z])(?:\s*+[>{CLOSES}])?")
_WORD = re.compile(r"<[/!?]*+[a-z_][a-z0-9_.:-]*+\s?/?>")
_OPENING, _CLOSING = re.compile(r"<(?:[/!?]*+\||!--|!\[)"), re.compile(r"\|>")
_SQUARE = re.compile(
    r"\[/?(?:inst|system_prompt|available_tools|tool_(?:calls|results|content)|img(?:_\w+)?|audio|begin_audio|think"
    r"|gmask|sop|cls|sep|mask|pad|unk|bos|eos|prefix|suffix|middle|args|call_id)\]"
)
_FENCE = re.compile(r"=(?<!==)={3,}+[^=\n]{1,64}+={4,}+")
_BRACKETS = f"<>{OPENS}{CLOSES}"
_REPLACED = (
    *((pattern, _BRACKETS) for pattern in (_TAG, _WORD, _OPENING, _CLOSING)),
    (_SQUARE, "[]"),
    (_FENCE, "="),
)
"""Each pattern, and which characters of its matches are replaced."""

_SUSPECT = frozenset(f"<[=|&\\%{OPENS}")
_PLAIN = {"<": "(", OPENS: "(", "[": "(", ">": ")", CLOSES: ")", "]": ")", "=": "-"}

_MARK = re.compile(r"step(?<![a-z0-9]step)\s*+[0-9]{1,4}+\s*+(:|[.)\u2013\u2014-](?![0-9]))")


def defused(text: str) -> str:
    """The text with round brackets in tags and control tokens, and with dashes in fences.

    `<step>` becomes `(step)`, `[INST]` becomes `(INST)`, so that an agent that quotes or normalises the text cannot
    reply with a planted block. What looks like one of our tags is treated as one, however it is disguised. Control
    characters and marks of writing direction are removed; all else is unchanged. Takes linear time. Defusing a defused
    text changes nothing.
    """
    if not any(map(_is_suspect, set(text))):
        return text
    text = _STEERING.sub("", text)
    pieces = pieces_of(text)
    looks = list(text.lower()) if is_plain(text) else list(map(look, pieces))
    signs = "".join(looks)
    changes = {
        place: _PLAIN[signs[place]]
        for pattern, replaced in _REPLACED
        for found in pattern.finditer(signs)
        for place in range(*found.span())
        if signs[place] in replaced
    }
    return _rewritten(pieces, looks, changes)


def unnumbered(text: str) -> str:
    """The text on one line, with a comma after what looks like a step's number: `Step 2: 1/1` becomes `Step 2, 1/1`."""
    line = " ".join(text.split())
    if (line.isascii() and _MARK.search(line.lower()) is None) or not any(map(_has_digit, set(line))):
        return line
    pieces = list(line)
    looks = list(map(look, pieces))
    return _rewritten(pieces, looks, {found.start(1): "," for found in _MARK.finditer("".join(looks))})


@cache
def _is_suspect(sign: str) -> bool:
    """Whether the character can be the first of what `defused` replaces or removes; most texts have none."""
    return any(mark in _SUSPECT for mark in look(sign)) or _STEERING.match(sign) is not None


@cache
def _has_digit(sign: str) -> bool:
    return any(map(str.isdecimal, look(sign)))


def _rewritten(pieces: list[str], looks: list[str], changes: Mapping[int, str]) -> str:
    """The pieces joined, after each piece whose look covers one of the places is replaced."""
    ends = list(accumulate(map(len, looks)))
    for place, sign in changes.items():
        pieces[bisect_right(ends, place)] = sign
    return "".join(pieces)


def listed(labels: Iterable[str]) -> str:
    """The labels on one line, as agents are shown them."""
    return "; ".join(" ".join(label.split()) for label in labels)


def fence_for(*texts: str) -> str:
    """A line that does not occur in the texts, so that they cannot contain the end of their fence.

    It depends only on the texts: the same texts give the same prompt, which the cache can find.
    """
    return f"===== {first_absent(_marks(texts), texts)} ====="


def first_absent(marks: Iterable[str], texts: Sequence[str]) -> str:
    """The first of the lower-case marks that no text contains in any case."""
    return next(mark for mark in marks if not any(mark in text.lower() for text in texts))


def _marks(texts: Sequence[str]) -> Iterator[str]:
    """Endless marks, each the start of a digest: of the texts, then of the previous digest."""
    digest = "\0".join(texts)
    while True:
        digest = hashlib.sha256(digest.encode()).hexdigest()
        yield digest[:12]


def request(template: Template, texts: Mapping[str, str], **ours: object) -> str:
    """The prompt: the template with foreign texts, each defused and enclosed, and with our own values as they are.

    Raises:
        RunError: the template's fences are not in pairs.
    """
    shown = {name: defused(text) for name, text in texts.items()}
    enclosed = Template(fenced(template.template, frozenset(texts)))
    return enclosed.substitute(shown, fence=fence_for(*shown.values()), **ours)


_FENCE_LINE = re.compile(r"[ \t]*\$(?:fence|\{fence\})[ \t]*")


@cache
def fenced(template: str, names: frozenset[str]) -> str:
    """The template's text with a line of `$fence` before and after each of these placeholders, added where missing.

    Raises:
        RunError: the number of lines of `$fence` is odd.
    """
    lines = template.split("\n")
    fences = [number for number, line in enumerate(lines) if _FENCE_LINE.fullmatch(line)]
    if len(fences) % 2:
        raise RunError(
            f"The prompt that begins with `{template.lstrip()[:40]}` has an odd number of lines with only $fence,"
            f" {len(fences)}: each text needs one before it and one after it."
        )
    inside = {number for first, last in zip(fences[::2], fences[1::2], strict=True) for number in range(first, last)}
    parts = (line if number in inside else _enclosed(line, names) for number, line in enumerate(lines))
    return "\n".join(parts)


def _enclosed(line: str, names: frozenset[str]) -> str:
    """The line with a fence around each placeholder, on lines of their own."""
    parts, at = [], 0
    for found in Template.pattern.finditer(line):
        if (found["named"] or found["braced"]) in names:
            parts += [line[at : found.start()].rstrip(), "$fence", found[0], "$fence"]
            at = found.end()
    return "\n".join(filter(None, [*parts, line[at:].lstrip()])) if at else line
