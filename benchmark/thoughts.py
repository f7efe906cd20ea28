"""Separates a model's thoughts from its answer, if one text contains both.

<think>The brows are drawn. The voice is loud.</think>anger
The brows are drawn. The voice is loud.</think>anger             the chat template has opened the block
<think>The brows are drawn. The voi                              the reply was cut off
<|channel|>analysis<|message|>…<|end|>…<|channel|>final<|message|>anger     gpt-oss, if the server does not parse it
"""

import re

# the marks of DeepSeek, Qwen, Audio-Reasoner and R1-Omni; similar ones; Seed-OSS; Magistral; Kimi-VL; Sky-T1
_MARK = re.compile(
    r"<\s*/?\s*(?:seed:)?(?P<name>think|thinking|thoughts?|reasoning)\s*>"
    r"|\[/?THINK\]|\u25c1/?think\u25b7|<\|(?:begin|end)_of_thought\|>",
    re.IGNORECASE,
)
_CHANNEL = re.compile(
    r"<\|channel\|>\s*(?P<name>\w+)(?:(?!<\|channel\|>|<\|message\|>).)*?<\|message\|>"
    r"(?P<words>(?:(?!<\|(?:start|channel|end|return|call)\|>).)*)",
    re.DOTALL,
)


def split_thoughts(text: str) -> tuple[str | None, str]:
    """The thoughts and the answer of a text; None and the unchanged text if it marks no thoughts.

    A block without an end extends to the end of the text. All text before an end without a start is thought. Marks of
    another name inside a block are part of it.
    """
    thought: list[str] = []
    said: list[str] = []
    if channels := list(_CHANNEL.finditer(text)):
        for channel in channels:
            (said if channel["name"] == "final" else thought).append(channel["words"])
        return _joined(thought), _joined(said)
    at, inside = 0, None
    for mark in _MARK.finditer(text):
        ends, name = "/" in mark[0] or "end_" in mark[0].lower(), (mark["name"] or "").lower()
        if inside is not None and name != inside:
            continue
        (thought if inside is not None else said).append(text[at : mark.start()])
        if ends and inside is None:
            thought, said = thought + said, []
        at, inside = mark.end(), None if ends else name
    if not at:
        return None, text
    (thought if inside is not None else said).append(text[at:])
    return _joined(thought), _joined(said)


def _joined(parts: list[str]) -> str:
    return "\n\n".join(plain for part in parts if (plain := part.strip()))
