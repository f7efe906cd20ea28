"""Samples as a run ends them, made by hand."""

from fractions import Fraction
from pathlib import Path

from benchmark.clip import Clip
from benchmark.model import Answer
from benchmark.task import Sample
from benchmark.usage import Usage
from evaluators.judge.rating import Rating, Ratings
from evaluators.judge.steps import Steps
from evaluators.metrics.steps import StepScore
from evaluators.outcome import Scored, Seen, Trace, Unscored
from tests.tasks import TASKS

LABELS = ("joy", "anger", "fear")
KNOWN = Usage(requests=1, input_tokens=10, output_tokens=4, seconds=0.5, cost_usd=0.25)
UNPRICED = Usage(requests=2, input_tokens=None, output_tokens=1, seconds=1.0)


def sample(task: str = "ER-Wild", targets: tuple[str, ...] = ("joy",), name: str = "a") -> Sample:
    return Sample(
        id=f"{task}/MELD/{name}",
        task=TASKS[task],
        clip=Clip(Path(f"/home/me/data/{name}.mp4")),
        label_set=LABELS,
        targets=targets,
        source="MELD",
        recording=f"MELD/{name}",
        video_id=f"MELD/video/{name}.mp4",
        audio_clue="A bright voice.",
    )


def scored(
    asked: Sample,
    recognition: Fraction,
    *reasoning: Fraction,
    text: str = "It is joy.",
    judge: Usage = KNOWN,
) -> Scored:
    """An answer whose prediction is rated so, after steps rated so."""
    steps = Steps(reasoning=tuple(f"step {number}" for number in range(len(reasoning))), prediction="joy and fear")
    ratings = Ratings(
        reasoning=tuple(Rating(value=value) for value in reasoning),
        recognition=Rating(value=recognition, reason="As said."),
    )
    score = StepScore(
        answer=Answer(text=text, model="m-2026", usage=KNOWN), steps=steps, ratings=ratings, predicted=("joy", "fear")
    )
    traces = {"extractor": Trace(model="e"), "judge": Trace(model="j", usage=judge, rejected=("What?",))}
    return Scored(
        sample=asked,
        score=score,
        audio_clue=asked.audio_clue,
        seen=Seen(seconds=(0.0, 1.0), decoder="pyav", key="f" * 64),
        traces=traces,
        by_rules=Rating(value=recognition),
    )


def unscored(asked: Sample, usage: Usage = KNOWN) -> Unscored:
    """An answer whose judge gave up."""
    error = f"{asked.id} could not be rated."
    answer = Answer(text="It is joy.", model="m-2026", usage=KNOWN)
    return Unscored(sample=asked, stage="judge", error=error, answer=answer, replies=("Hm.",), usage=usage)
