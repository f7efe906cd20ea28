"""The models that an endpoint lists (`GET /models`), and when they end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Any

from benchmark.accounts.snapshots import is_same_model
from benchmark.endpoint.reply import load
from benchmark.text import LONGEST_NAME, one_line

_ENDS = ("shutdown_date", "deprecation_date", "retirement_date")
"""Fields of a row with the model's last day; the first is OpenAI's."""

MOST = 20_000
"""Rows of a list that are read; whether a server has a model behind them is found by asking it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """An endpoint's list of models.

    Attributes:
        names: the models, in the server's order; None if there is no list.
        ends: the last day of each model for which the list has one.
    """

    names: tuple[str, ...] | None = None
    ends: Mapping[str, date] = field(default_factory=dict)

    def serves(self, name: str) -> bool | None:
        """Whether the list has the model, in any spelling that servers use; None if there is no list or an empty one.

        Google's lists put `models/` before each name, Ollama's `:latest` behind, and LiteLLM's may have `openai/*`.
        """
        if not self.names:
            return None
        plain = name.lower()
        return any(
            is_same_model(name, listed) or fnmatchcase(plain, listed.lower()) or listed.lower() == f"{plain}:latest"
            for listed in self.names
        )

    def end_of(self, name: str) -> date | None:
        """The last day of the model; None if the list does not have it."""
        return next((ends for listed, ends in self.ends.items() if is_same_model(listed, name)), None)


def parse_listing(content: bytes, redact: Callable[[str], str] = str) -> Listing:
    """The list in a reply, without names if the reply has no list; `redact` masks secrets."""
    try:
        reply = load(content)
    except ValueError:
        return Listing()
    rows = reply.get("data") if isinstance(reply, dict) else None
    if not isinstance(rows, list):
        return Listing()
    found = [row for row in rows[:MOST] if isinstance(row, dict) and isinstance(row.get("id"), str)]
    named = [(one_line(redact(row["id"]), LONGEST_NAME), row) for row in found]
    ends = {name: ends for name, row in named if (ends := _end(row)) is not None}
    return Listing(names=tuple(name for name, _ in named), ends=ends)


def _end(row: Mapping[str, Any]) -> date | None:
    day = next((row[name] for name in _ENDS if row.get(name)), None)
    try:
        if isinstance(day, int | float) and not isinstance(day, bool):
            return datetime.fromtimestamp(day, UTC).date()
        return date.fromisoformat(str(day)[:10]) if day else None
    except (ValueError, OverflowError, OSError):
        return None
