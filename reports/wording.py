"""Fractions as text."""

from collections.abc import Sequence


def percent(fraction: float | None) -> str:
    """A fraction as people read it: `37.5`, or a dash where there is no score."""
    return "–" if fraction is None else f"{100 * fraction:.1f}"


def within(fraction: float | None, interval: Sequence[float] | None) -> str:
    """A fraction and the interval that it is known to: `37.5 (35.1–39.9)`."""
    return percent(fraction) if interval is None else f"{percent(fraction)} ({'–'.join(map(percent, interval))})"
