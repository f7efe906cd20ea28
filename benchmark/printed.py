"""Makes foreign text, such as a server's message or a model's answer, safe for a terminal, a log or a Markdown file."""

import re

# C0 and C1 controls (with the escape of colours and cursor movements), DEL, marks of writing direction, line
# separators that only some programs know, invisible tags, lone surrogates
_STEERING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
# commands to the runners of GitHub, Azure and TeamCity: `::name` at the start of a line, `##…[` anywhere
_COMMAND = re.compile(r"(?m)(^[^\S\n]*):(?=:)|#(?=#[\w.]*\[)")
_MARKDOWN = re.compile(r"[\\`*_\[\]|~]|(?m:^\s*)[#+-](?=\s)")
_ENTITIES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("@"): "&#64;"}


def printable(text: str) -> str:
    """The text, with its line breaks, without commands to a terminal or to a CI runner that reads the log.

    Each control character becomes a space. A space splits what would be a command, as in `: :error` and `# #[group]`.
    """
    if not text.isprintable():  # a quick test, which almost all text passes
        text = _STEERING.sub(" ", text.replace("\r\n", "\n"))
    return _COMMAND.sub(lambda found: f"{found[0]} ", text) if "::" in text or "##" in text else text


def as_inline_markdown(text: str) -> str:
    """The text on one line, escaped such that Markdown shows it literally: no link, picture, table cell or mention."""
    flat = printable(text).replace("\n", " ").strip()
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", flat).translate(_ENTITIES)
