"""Telling what a model thought from what it answered, where both stand in one text.

<think>The brows are drawn. The voice is loud.</think>anger
The brows are drawn. The voice is loud.</think>anger             the chat template has opened the block
<think>The brows are drawn. The voi                              the reply was cut off
"""

import re

# the words of DeepSeek, Qwen, Audio-Reasoner and R1-Omni; Seed-OSS; Magistral; Kimi-VL
_MARK = re.compile(
    r"<(?P<ends>\s*/)?\s*(?:seed:)?(?:think|thinking|thoughts?)\s*>"
    r"|\[(?P<stops>/)?THINK\]"
    r"|\u25c1(?P<closes>/)?think\u25b7",
    re.IGNORECASE,
)


def split_thoughts(text: str) -> tuple[str | None, str]:
    """The thoughts and the answer of a text; None and the text as it is where it marks no thoughts.

    A block that is not ended goes to the end of the text; before an end without a beginning all is thought.
    """
    thought: list[str] = []
    said: list[str] = []
    at, inside = 0, False
    for mark in _MARK.finditer(text):
        before = text[at : mark.start()]
        if not any(mark.groups()):
            (thought if inside else said).append(before)
            inside = True
        else:
            thought += [before] if inside else [*said, before]
            said = said if inside else []
            inside = False
        at = mark.end()
    if not at:
        return None, text
    (thought if inside else said).append(text[at:])
    return _joined(thought), _joined(said)


def _joined(parts: list[str]) -> str:
    return "\n\n".join(plain for part in parts if (plain := part.strip()))
