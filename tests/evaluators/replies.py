"""Numbered blocks as real models write them."""

import string
from collections.abc import Sequence

from hypothesis import strategies as st

SENTENCES = st.text(string.ascii_letters + string.digits + " ,.!?'éß微笑", min_size=1, max_size=30).filter(
    lambda text: any(sign.isalnum() for sign in text)
)
PREAMBLES = st.sampled_from(
    ["", "Here you are:\n", "The format <step> and <score> is clear.\n", "```\n", "<think>Step 1: hm</think>"]
)
MARKS = ["Step {}: ", "**Step {}:** ", "**Step {}**: ", "STEP {} :", "step {}\uff1a", "Step {}:\n"]


@st.composite
def blocks(draw: st.DrawFn, tag: str, texts: Sequence[str], between: Sequence[str]) -> str:
    """A block of the texts, numbered; each mark is bold or not, begins a line or not, has this or that colon."""
    mark = draw(st.sampled_from(MARKS))
    joint = draw(st.sampled_from(between))
    opening, closing = draw(st.sampled_from([("<{}>", "</{}>"), ("< {} >\n", "\n</ {}>"), ("**<{}>**", "**</{}>**")]))
    name = draw(st.sampled_from([tag, tag.upper(), tag.title()]))
    body = joint.join(mark.format(number) + text for number, text in enumerate(texts, 1))
    before, after = draw(PREAMBLES), draw(st.sampled_from(["", "\n", " Done.", "\n```"]))
    return before + opening.format(name) + body + closing.format(name) + after
