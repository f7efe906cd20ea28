"""The verdict, the scores and their notes as Markdown, for `summary.md`, and as HTML, for pytest-html."""

from collections.abc import Iterator, Sequence
from html import escape

from benchmark.printed import as_inline_markdown
from benchmark.suite import suite_of
from reports.kept.record import Record
from reports.kept.report import Report
from reports.tables.health import health_rows
from reports.tables.scores import counts_of, faults_of, notes_of, score_tables
from reports.tables.table import as_markdown
from reports.tables.verdict import verdict_notes, verdict_rows


def summary_of(report: Report, records: Sequence[Record]) -> str:
    """The text of `summary.md`, in GitHub's Markdown."""
    return "\n".join(
        [
            f"## {as_inline_markdown(suite_of(report.provenance).title)}: {as_inline_markdown(report.model)}",
            "",
            *_verdict(report),
            f"{counts_of(records)}; scores in percent.",
            "",
            *_tables(report),
            *(f"- {as_inline_markdown(note)}" for note in [*notes_of(report), *faults_of(records)]),
            "",
        ]
    )


def _tables(report: Report) -> Iterator[str]:
    for title, rows in score_tables(report).items():
        yield from (*([f"### {as_inline_markdown(title)}", ""] if title else []), *as_markdown(rows), "")


def _verdict(report: Report) -> list[str]:
    if (verdict := report.gate) is None:
        return []
    notes = [f"- {as_inline_markdown(note)}" for note in verdict_notes(verdict)]
    check = [*as_markdown(health_rows(report.judge_check, whole=False)), ""] if report.judge_check else []
    return [f"### Gate: {verdict.word}", "", *as_markdown(verdict_rows(verdict)), "", *notes, "", *check]


def as_html(report: Report) -> Iterator[str]:
    """The verdict, the scores and their notes as HTML, for the top of pytest-html's page."""
    if (verdict := report.gate) is not None:
        yield f"<h2>Gate: {verdict.word}</h2>"
        yield from (f"<p>{escape(note)}</p>" for note in verdict_notes(verdict))
        yield _table(verdict_rows(verdict))
        yield _table(health_rows(report.judge_check, whole=False)) if report.judge_check else ""
    yield "<h2>Scores in percent</h2>"
    for title, rows in score_tables(report).items():
        yield (f"<h3>{escape(title)}</h3>" if title else "") + _table(rows)
    yield from (f"<p>{escape(note)}</p>" for note in notes_of(report))


def _table(rows: Sequence[Sequence[str]]) -> str:
    """An HTML table whose first row is its head; cells are escaped, so that `td>` is never part of their text."""
    cells = [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    head = "".join(cells[:1]).replace("td>", "th>")
    style = "border-spacing: 1em 0.2em; border-collapse: separate; color: #222; text-align: left; margin-bottom: 1em"
    return f'<table style="{style}">{head}{"".join(cells[1:])}</table>'
