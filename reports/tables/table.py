"""Tables as aligned text for the terminal, and as Markdown."""

from collections.abc import Sequence

from benchmark.printed import as_inline_markdown

WIDEST = 200
"""Characters shown of a cell: a long name from a file or a server must not push other columns off the screen."""


def as_text(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines with aligned columns, the first to the left, the rest to the right; no lines for no rows."""
    rows = [[_cut(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_padded(row, widths)).rstrip() for row in rows]


def _cut(cell: str) -> str:
    return cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 1]}…"


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]


def as_markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines of a table in GitHub's Markdown; no lines for no rows."""
    if not rows:
        return []
    head, *body = ["| " + " | ".join(as_inline_markdown(_cut(cell)) for cell in row) + " |" for row in rows]
    rule = "|---" + "|---:" * (len(rows[0]) - 1) + "|"
    return [head, rule, *body]
