"""How far people and the judge agree, in words."""

from reports.figures.ratings import Agreement, Match

PUBLISHED = ("published (5 experts, 100 questions, 373 steps)", "373", "0.953", "–", "0.863", "0.970", "–")


def lines_of(agreement: Agreement) -> list[tuple[str, ...]]:
    """The rows of the table, for `reports.tables.table.as_text`.

    The last one is what the authors report of their judge, GPT-4o, against experts: MME-Emotion, arXiv 2508.09210.
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
    """What must be known beside the table, a sentence each."""
    if not agreement.missing:
        return []
    return [f"{agreement.missing} rated steps have no rating of the judge and do not count for it."]
