"""The published scores, to stand beside a run's own."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def read_published() -> Mapping[str, Any]:
    """The 20 published models (MME-Emotion, arXiv 2508.09210), scores as fractions.

    Keys: `models` by name, each with `overall` and `tasks`; `samples` by task; `doubtful`, printed cells that the
    others contradict.
    """
    published: Mapping[str, Any] = json.loads(files(__package__).joinpath("published_scores.json").read_text("utf-8"))
    return published


def published_recognition(model: str, task: str) -> float | None:
    """A published model's Recognition for a task or `overall`; None where there is no such row."""
    row = read_published()["models"].get(model)
    if row is None:
        return None
    scores = row["overall"] if task == "overall" else row["tasks"].get(task)
    return None if scores is None else float(scores["recognition"])
