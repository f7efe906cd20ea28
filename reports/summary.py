"""`summary.md`: the table and what must be known beside it, for a job summary or a pull request."""

from collections.abc import Sequence

from reports.record import Record
from reports.report import Report, counts_of, notes_of, score_rows
from reports.table import as_markdown


def summary_of(report: Report, records: Sequence[Record]) -> str:
    """The summary in GitHub's Markdown."""
    return "\n".join(
        [
            f"## MME-Emotion: {report.model}",
            "",
            f"{counts_of(records)}; scores in percent.",
            "",
            *as_markdown(score_rows(report)),
            "",
            *(f"- {note}" for note in notes_of(report)),
            "",
        ]
    )
