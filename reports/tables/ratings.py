"""How well people and the judge agree, as a table and sentences."""

from reports.figures.ratings import Agreement, Match

PUBLISHED = ("published (5 experts, 100 questions, 373 steps)", "373", "0.953", "–", "0.863", "0.970", "–")


def lines_of(agreement: Agreement) -> list[tuple[str, ...]]:
    """Headings, then a row for each comparison.

    The last row is what the authors report for their judge, GPT-4o, against experts: MME-Emotion, arXiv 2508.09210.
    """
    return [
        ("Judge and", "Steps", "Spearman", "Kendall", "Kappa", "ICC", "Alpha"),
        *(_row(match) for match in (agreement.together, *agreement.each)),
        ("people among themselves", str(agreement.shared), *["–"] * 4, _shown(agreement.alpha)),
        PUBLISHED,
    ]


def _row(match: Match) -> tuple[str, ...]:
    figures = (match.spearman, match.kendall, match.kappa, match.icc)
    return (match.who, str(match.rated), *map(_shown, figures), "–")


def _shown(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.3f}"


def notes_of(agreement: Agreement) -> list[str]:
    """Sentences to print below the table."""
    if not agreement.missing:
        return []
    return [f"{agreement.missing} rated steps have no rating by the judge; they count only for Alpha."]
