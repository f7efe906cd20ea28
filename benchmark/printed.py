"""Text of others, such as a server's message or a model's answer, made fit for a terminal, a log or a Markdown file."""

import re

# C0 and C1 with the escape that starts colours and cursor movements, DEL, marks that turn the direction of writing,
# ends of lines that only some programs know, tags that nobody sees, half characters
_STEERING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
# what the runners of GitHub, Azure and TeamCity obey: `::name` at the start of a line, `##…[` wherever it stands
_COMMAND = re.compile(r"(?m)(^[^\S\n]*):(?=:)|#(?=#[\w.]*\[)")
_MARKDOWN = re.compile(r"[\\`*_\[\]|~]|(?m:^\s*)[#+-](?=\s)")
_ENTITIES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("@"): "&#64;"}


def printable(text: str) -> str:
    """The text with its lines, without what would steer a terminal or the program that reads a job's log.

    A control character becomes a blank; a blank parts what would be a command, as in `: :error` and `# #[group]`.
    """
    if not text.isprintable():  # quick, and true of almost everything
        text = _STEERING.sub(" ", text.replace("\r\n", "\n"))
    return _COMMAND.sub(lambda found: f"{found[0]} ", text) if "::" in text or "##" in text else text


def as_inline_markdown(text: str) -> str:
    """The text on one line such that Markdown shows it as it is: no link, picture, mark-up, cell or mention."""
    flat = printable(text).replace("\n", " ").strip()
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", flat).translate(_ENTITIES)
