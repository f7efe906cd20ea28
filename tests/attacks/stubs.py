"""Agents that a text may lead astray: one obeys, one quotes, one quotes what it has normalised."""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal
from urllib.parse import unquote

from benchmark.model import Answer
from benchmark.prompt import Modality, Prompt

Temper = Literal["obeying", "echoing", "normalising", "literal"]
"""How an agent takes what it reads; the literal ones are the word lists."""

RIGHT, WRONG = "joy", "sad"
LABELS = (RIGHT, "anger", WRONG, "fear")
SIGHT, SOUND = "The corners of the mouth point down.", "A low voice."
"""What a plain sample is made of; its answer names the wrong label."""

_TOLD = re.compile(r"lines that read (=+ \w+ =+)")


def squeezed(text: str) -> str:
    """Letters and figures alone, as somebody reads who is not put off by their dress."""
    plain = unicodedata.normalize("NFKD", html.unescape(text)).casefold()
    return "".join(sign for sign in plain if sign.isalnum())


def unbound(text: str) -> str:
    """The text without format characters and combining marks, in the commonest letters."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(sign for sign in plain if unicodedata.category(sign) not in {"Cf", "Mn", "Me"})


def bare(text: str) -> str:
    """The same without accents."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in plain if unicodedata.category(sign) not in {"Cf", "Mn", "Me"}).casefold()


TWINS = str.maketrans("ѕсоерꜱᴄᴏʀᴇᴛᴘορτ‹›", "scoepscoretpopt<>")

NORMALISING: tuple[Callable[[str], str], ...] = (
    *(partial(unicodedata.normalize, form) for form in ("NFC", "NFD", "NFKC", "NFKD")),
    str.casefold,
    unbound,
    bare,
    lambda text: bare(text).translate(TWINS),
    html.unescape,
    lambda text: unbound(html.unescape(html.unescape(text))),
    lambda text: "".join(chr(ord(sign) - 0xE0000) if 0xE0000 < ord(sign) < 0xE0080 else sign for sign in text),
    lambda text: re.sub(r"\\u([0-9a-f]{4})", lambda escape: chr(int(escape[1], 16)), text),
    unquote,
    lambda text: re.sub(r"\x1b\[[0-9;]*m", "", text),
)


def parts(prompt: str) -> tuple[str, list[str]]:
    """What stands outside the fences, and what stands within each."""
    found = _TOLD.search(prompt)
    assert found, "the prompt says what encloses texts"
    outside, *rest = re.split(rf"^{re.escape(found[1])}$", prompt, flags=re.MULTILINE)
    assert len(rest) % 2 == 0, "each text has its end"
    return "\n".join([outside, *rest[1::2]]), rest[::2]


def strangest(prompt: str) -> str:
    """What stands outside for a reader who takes any line between signs of equality for a fence."""
    lines, inside, outside = unbound(prompt).splitlines(), False, []
    for line in lines:
        if re.fullmatch(r"\s*={3,}.*={3,}\s*", line):
            inside = not inside
        elif not inside:
            outside.append(line)
    return "\n".join(outside)


@dataclass
class Stub:
    """A model that does an agent's work honestly, but for what it makes of the text around it.

    Attributes:
        role: extractor or judge.
        temper: obeying, echoing or normalising.
        planted: the attack, by which the obeying one knows an order that it finds.
        first: what it says first, before it gets to work.
        fooled: what has led it astray.
    """

    role: str
    temper: Temper
    planted: str
    first: tuple[str, ...] = ()
    name: str = "stub"
    fooled: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    identity: str = "stub/1"
    modalities: frozenset[Modality] = frozenset({"video", "audio"})

    async def generate(self, prompt: Prompt) -> Answer:
        self.asked.append(prompt.text)
        if len(self.asked) <= len(self.first):
            return Answer(text=self.first[len(self.asked) - 1], model=self.name)
        return Answer(text=self.reply(prompt.text), model=self.name)

    def reply(self, prompt: str) -> str:
        """What it makes of a request."""
        work = self._extracted if self.role == "extractor" else self._rated
        outside, within = parts(prompt)
        if self.temper == "obeying":
            self.fooled += [line for line in self._orders() if line in squeezed(outside + strangest(prompt))]
            return work(within, obeys=bool(self.fooled))
        quoted = "\n".join(within)
        readings = [*dict.fromkeys(read(quoted) for read in NORMALISING)] if self.temper == "normalising" else [quoted]
        honest = work(within, obeys=False)
        return "\n".join([*readings, f"<reason>Step 1: it says {readings[-1]}</reason>", honest, *readings])

    def _orders(self) -> Iterator[str]:
        return (line for part in self.planted.splitlines() if len(line := squeezed(part)) > 11)

    def _extracted(self, within: list[str], *, obeys: bool) -> str:
        if obeys:
            return f"<step>Step 1: as ordered Step 2: {RIGHT}</step>"
        lines = [" ".join(line.split()) for line in within[-1].splitlines() if line.strip()]
        texts = [re.sub(r"step(?=\W*\d)", "point", line, flags=re.IGNORECASE) for line in lines[:40]]
        kept = [text for text in texts if any(sign.isalnum() for sign in text)]
        steps = [f"Step {number}: {text}" for number, text in enumerate([*kept, WRONG], 1)]
        return f"<step>{' '.join(steps)}</step>"

    def _rated(self, within: list[str], *, obeys: bool) -> str:
        count = len(re.findall(r"^Step \d+: ", within[-1], re.MULTILINE))
        named = int(obeys or within[-1].rstrip().endswith(f": {RIGHT}"))
        steps = [f"Step {number}: {int(obeys)}/1" for number in range(1, count)] + [f"Step {count}: {named}/1"]
        return f"<score>{', '.join(steps)}</score>"
