"""Keeping the answer under test from being anything but text to an agent."""

import hashlib
import re

TAGS = re.compile(r"<(?=\s*(?:/\s*)?(?:step|score|reason)\b)", re.IGNORECASE)


def fence_for(text: str) -> str:
    """A line that occurs nowhere in the text, so that nothing in the text can end what it encloses.

    It depends on the text alone: the same answer makes the same prompt, which the cache can find again.
    """
    mark = hashlib.sha256(text.encode()).hexdigest()
    while mark[:12] in text:
        mark = hashlib.sha256(mark.encode()).hexdigest()
    return f"===== {mark[:12]} ====="


def defused(text: str) -> str:
    """The text without the brackets of our wire tags: an agent that quotes it cannot echo a planted block."""
    return TAGS.sub("‹", text)
