"""Where affect words lie in valence and arousal: J. A. Russell (1980), "A circumplex model of affect", roughly."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the circumplex.

    Attributes:
        valence: unpleasant -1 to pleasant 1.
        arousal: calm -1 to excited 1.
    """

    valence: float
    arousal: float


def place(label: str) -> Point | None:
    """Where a label or a word for an affect lies, in any case of letters; None where the table does not know it."""
    return _places().get(label.strip().casefold())


def voice_arousal(word: str) -> float | None:
    """The arousal, -1 to 1, that a word for the sound of a voice stands for; None for any other word."""
    return _voices().get(word.casefold())


def nearest(point: Point, label_set: Sequence[str]) -> tuple[str, ...]:
    """All labels of the set, the nearest to the point first; those without a place last, ties in the set's order."""

    def distance(label: str) -> float:
        there = place(label)
        return math.inf if there is None else math.dist((point.valence, point.arousal), (there.valence, there.arousal))

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
