"""Scores as text."""

from collections.abc import Sequence


def percent(fraction: float | None) -> str:
    """A fraction in percent, `37.5`; a dash for None."""
    return "–" if fraction is None else f"{100 * fraction:.1f}"


def within(fraction: float | None, interval: Sequence[float] | None) -> str:
    """A fraction and its interval in percent, `37.5 (35.1–39.9)`; without an interval, the fraction."""
    return percent(fraction) if interval is None else f"{percent(fraction)} ({'–'.join(map(percent, interval))})"
