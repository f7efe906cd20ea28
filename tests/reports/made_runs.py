"""Records and runs made by hand, for what reads them."""

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from benchmark.clip import Clip
from benchmark.task import Sample
from evaluators.outcome import Repeats
from reports.figures.report import report_of
from reports.kept.record import RatedStep, Record, Spent
from reports.kept.report import Background
from tests.tasks import TASKS

PROVENANCE: Mapping[str, Any] = {
    "data": {"name": "data", "fingerprint": "f"},
    "extractor": {"name": "e", "identity": "e"},
    "judge": {"name": "j", "identity": "j"},
    "listener": None,
    "prompts": {"judge": "p"},
    "settings": {"frames": 10, "fps": 1.0, "modalities": [], "decoder": "pyav"},
}
LABELS = ("joy", "anger", "fear")


def record(number: int, score: float | None, task: str = "SA", **more: object) -> Record:
    """One whose three scores are all `score`; None for one without."""
    name = f"{task}/own/{number}"
    asked: dict[str, object] = {
        "id": name,
        "task": task,
        "source": "own",
        "recording": name,
        "question": "Which?",
        "label_set": LABELS,
        "targets": ("joy",),
    }
    if score is None:
        return Record.model_validate({**asked, "outcome": "error", "stage": "judge", "error": "Hm.", **more})
    rated = RatedStep(
        text="joy", rating="/".join(map(str, Fraction(score).limit_denominator(99).as_integer_ratio())), reason=None
    )
    several = TASKS[task].several
    rest = {
        "outcome": "passed" if score == 1 else "failed",
        "recognition": score,
        "reasoning": score,
        "cot": score,
        "steps": (rated,),
        "prediction": rated,
        "predicted": ("joy",) if score else (),
        "precision": float(score > 0) if several else None,
        "f1": (2 * score / (1 + score) if score else 0.0) if several else None,
        "by_rules": "1/1" if score == 1 else "0/1",
        "usage": {
            "model": Spent(model="m", requests=1, input_tokens=9, output_tokens=9, seconds=1.0, cost_usd=0.01),
        },
    }
    return Record.model_validate({**asked, **rest, **more})


def run_of(right: int, wrong: int, unscored: int = 0, task: str = "SA") -> list[Record]:
    """The right ones spread evenly among the others."""
    count = right + wrong
    marks = [float((number + 1) * right // count > number * right // count) for number in range(count)]
    return [record(number, mark, task) for number, mark in enumerate([*marks, *[None] * unscored])]


def background(provenance: Mapping[str, Any], selected: int = 2) -> Background:
    """What is known of a run besides its records."""
    return Background(
        model="m", provenance=provenance, incomparable=(), selected=selected, floors={"SA": 0.4}, published={}
    )


def kept(folder: Path, records: Sequence[Record], **provenance: object) -> Path:
    """A run directory with these records."""
    return kept_as(None, folder, records, **provenance)


def kept_as(run: str | None, folder: Path, records: Sequence[Record], **provenance: object) -> Path:
    """The same of a run with an id, which each of its records then has."""
    told = background({**PROVENANCE, **provenance}, len(records))
    folder.mkdir(parents=True, exist_ok=True)
    report = report_of(records, told)
    (folder / "report.json").write_text(report.model_copy(update={"run": run}).model_dump_json())
    stamp = "" if run is None else f'"run":"{run}",'
    (folder / "samples.jsonl").write_text("".join(f"{{{stamp}{one.model_dump_json()[1:]}\n" for one in records))
    return folder


def samples_of(records: Sequence[Record]) -> tuple[Sample, ...]:
    """The samples that they are about."""
    return tuple(
        Sample(
            id=one.id,
            task=TASKS[one.task],
            clip=Clip(Path("x.mp4")),
            label_set=one.label_set,
            targets=one.targets,
            source=one.source,
            recording=one.recording,
            video_id=one.id,
            group=one.group,
        )
        for one in records
    )


def repeated(answers: Sequence[float], judgements: Sequence[float]) -> Repeats:
    def marks(scores: Sequence[float]) -> tuple[Mapping[str, float], ...]:
        return tuple(dict.fromkeys(("recognition", "reasoning", "cot"), score) for score in scores)

    return Repeats(answers=marks(answers), judgements=marks(judgements))


def as_lines(records: Sequence[Record]) -> list[dict[str, object]]:
    return [json.loads(one.model_dump_json()) for one in records]
