"""The valence and arousal of words for affect, roughly after J. A. Russell (1980), "A circumplex model of affect"."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple


class Point(NamedTuple):
    """A point of the circumplex.

    Attributes:
        valence: from -1, unpleasant, to 1, pleasant.
        arousal: from -1, calm, to 1, excited.
    """

    valence: float
    arousal: float


def place(label: str) -> Point | None:
    """The point of a label or a word for an affect, ignoring case; None if it is not in the table."""
    return _places().get(label.strip().casefold())


def voice_arousal(word: str) -> float | None:
    """The arousal, from -1 to 1, of a word for the sound of a voice; None for other words."""
    return _voices().get(word.casefold())


def nearest(point: Point, label_set: Sequence[str]) -> tuple[str, ...]:
    """All labels of the set, the nearest to the point first; labels without a point last, ties in the set's order."""

    def distance(label: str) -> float:
        there = place(label)
        return math.inf if there is None else math.dist(point, there)

    return tuple(sorted(label_set, key=distance))


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(files("benchmark.models").joinpath("circumplex.toml").read_text("utf-8"))


@cache
def _places() -> Mapping[str, Point]:
    words = {word: Point(*where) for forms, where in _table()["words"].items() for word in forms.split()}
    return words | {phrase: Point(*where) for phrase, where in _table()["phrases"].items()}


@cache
def _voices() -> Mapping[str, float]:
    return {word: arousal for forms, arousal in _table()["arousal"].items() for word in forms.split()}
