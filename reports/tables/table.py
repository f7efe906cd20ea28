"""The score table, for the terminal and for `summary.md`."""

from collections.abc import Sequence

from benchmark.printed import as_inline_markdown

WIDEST = 200
"""Characters of a cell: a name of somebody else's must not push all others out of sight."""


def as_text(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with aligned columns: the first to the left, the rest to the right; none of no rows."""
    rows = [[_cut(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_padded(row, widths)).rstrip() for row in rows]


def _cut(cell: str) -> str:
    return cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 1]}…"


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]


def as_markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """The same as a table in GitHub's Markdown."""
    if not rows:
        return []
    head, *body = ["| " + " | ".join(as_inline_markdown(_cut(cell)) for cell in row) + " |" for row in rows]
    rule = "|---" + "|---:" * (len(rows[0]) - 1) + "|"
    return [head, rule, *body]
