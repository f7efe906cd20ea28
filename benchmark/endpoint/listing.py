"""The models that an endpoint lists (`GET /models`), and until when it has them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

from benchmark.accounts.snapshots import is_same_model
from benchmark.endpoint.reply import load
from benchmark.text import LONGEST_NAME, one_line

_ENDS = ("shutdown_date", "deprecation_date", "retirement_date")
"""Fields of a row that tell its last day; the first is OpenAI's."""

MOST = 20_000
"""Rows of a list that are read; what is behind them is found by asking for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a list of models says.

    Attributes:
        names: the models, in the server's order; None where it tells none.
        ends: the last day of those of which the server tells it.
    """

    names: tuple[str, ...] | None = None
    ends: Mapping[str, date] = field(default_factory=lambda: MappingProxyType({}))

    def serves(self, name: str) -> bool | None:
        """Whether the name is among them, in whatever way lists spell it; None where that is unknown.

        Google's put `models/` before each, Ollama's `:latest` behind, LiteLLM's may have `openai/*`.
        """
        if not self.names:
            return None
        plain = name.lower()
        return any(
            is_same_model(name, listed) or fnmatchcase(plain, listed.lower()) or listed.lower() == f"{plain}:latest"
            for listed in self.names
        )

    def end_of(self, name: str) -> date | None:
        """The last day of that model; None where the list does not tell it."""
        return next((ends for listed, ends in self.ends.items() if is_same_model(listed, name)), None)


def parse_listing(content: bytes, redact: Callable[[str], str] = str) -> Listing:
    """The list in a reply; without names where it is none. `redact` takes off what must not be told."""
    try:
        told = load(content)
    except ValueError:
        return Listing()
    rows = told.get("data") if isinstance(told, dict) else None
    if not isinstance(rows, list):
        return Listing()
    found = [row for row in rows[:MOST] if isinstance(row, dict) and isinstance(row.get("id"), str)]
    named = [(one_line(redact(row["id"]), LONGEST_NAME), row) for row in found]
    ends = {name: ends for name, row in named if (ends := _end(row)) is not None}
    return Listing(names=tuple(name for name, _ in named), ends=MappingProxyType(ends))


def _end(row: Mapping[str, Any]) -> date | None:
    told = next((row[name] for name in _ENDS if row.get(name)), None)
    try:
        if isinstance(told, int | float) and not isinstance(told, bool):
            return datetime.fromtimestamp(told, UTC).date()
        return date.fromisoformat(str(told)[:10]) if told else None
    except (ValueError, OverflowError, OSError):
        return None
