"""`summary.md`: the table and what must be known beside it, for a job summary or a pull request."""

from collections.abc import Iterator, Sequence
from html import escape

from reports.record import Record
from reports.report import Report, counts_of, notes_of, score_rows
from reports.table import as_markdown
from reports.verdict import Verdict, verdict_notes, verdict_rows


def summary_of(report: Report, records: Sequence[Record]) -> str:
    """The summary in GitHub's Markdown."""
    return "\n".join(
        [
            f"## MME-Emotion: {report.model}",
            "",
            *_verdict(report),
            f"{counts_of(records)}; scores in percent.",
            "",
            *as_markdown(score_rows(report)),
            "",
            *(f"- {note}" for note in notes_of(report)),
            "",
        ]
    )


def _verdict(report: Report) -> list[str]:
    if (verdict := report.gate) is None:
        return []
    notes = [f"- {note}" for note in verdict_notes(verdict)]
    return [f"### Gate: {verdict.word}", "", *as_markdown(verdict_rows(verdict)), "", *notes, ""]


def distrust(judge: str, missing: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The summary of a run that was not begun, since its judge has failed its check."""
    reasons = [f"- {reason}" for reason in missing]
    return "\n".join([f"## Gate: UNTRUSTED (judge {judge})", "", *reasons, "", *as_markdown(rows), ""])


def as_html(verdict: Verdict) -> Iterator[str]:
    """The verdict for the head of pytest-html's page."""
    yield f"<h2>Gate: {verdict.word}</h2><table>"
    for row in verdict_rows(verdict):
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
    yield f"</table>{''.join(f'<p>{escape(note)}</p>' for note in verdict_notes(verdict))}"
