"""Telling what a model thought from what it answered, where both stand in one text.

<think>The brows are drawn. The voice is loud.</think>anger
The brows are drawn. The voice is loud.</think>anger             the chat template has opened the block
<think>The brows are drawn. The voi                              the reply was cut off
<|channel|>analysis<|message|>…<|end|>…<|channel|>final<|message|>anger     gpt-oss, where no server reads it
"""

import re

# the words of DeepSeek, Qwen, Audio-Reasoner and R1-Omni; of others like them; Seed-OSS; Magistral; Kimi-VL; Sky-T1
_MARK = re.compile(
    r"<(?P<ends>\s*/)?\s*(?:seed:)?(?P<name>think|thinking|thoughts?|reasoning)\s*>"
    r"|\[(?P<stops>/)?THINK\]"
    r"|\u25c1(?P<closes>/)?think\u25b7"
    r"|<\|(?:begin|(?P<over>end))_of_thought\|>",
    re.IGNORECASE,
)
_CHANNEL = re.compile(
    r"<\|channel\|>\s*(?P<name>\w+)(?:(?!<\|channel\|>|<\|message\|>).)*?<\|message\|>"
    r"(?P<words>(?:(?!<\|(?:start|channel|end|return|call)\|>).)*)",
    re.DOTALL,
)
_ANSWERS = "final"


def split_thoughts(text: str) -> tuple[str | None, str]:
    """The thoughts and the answer of a text; None and the text as it is where it marks no thoughts.

    A block that is not ended goes to the end of the text; before an end without a beginning all is thought. Marks of
    another name within a block are part of it.
    """
    if channels := list(_CHANNEL.finditer(text)):
        parts: dict[bool, list[str]] = {True: [], False: []}
        for channel in channels:
            parts[channel["name"] == _ANSWERS].append(channel["words"])
        return _joined(parts[False]), _joined(parts[True])
    thought: list[str] = []
    said: list[str] = []
    at, inside = 0, None
    for mark in _MARK.finditer(text):
        ends, name = any(mark[kind] for kind in ("ends", "stops", "closes", "over")), (mark["name"] or "").lower()
        before = text[at : mark.start()]
        if inside is not None and name != inside:
            continue
        if ends:
            thought += [before] if inside is not None else [*said, before]
            said = said if inside is not None else []
        else:
            (thought if inside is not None else said).append(before)
        at, inside = mark.end(), None if ends else name
    if not at:
        return None, text
    (thought if inside is not None else said).append(text[at:])
    return _joined(thought), _joined(said)


def _joined(parts: list[str]) -> str:
    return "\n\n".join(plain for part in parts if (plain := part.strip()))
