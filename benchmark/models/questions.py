"""Questions as a model would be sent them, so that answers to them can be produced elsewhere, and the hash of each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template

from benchmark.clip import as_frames
from benchmark.errors import RunError
from benchmark.models.answers import AnswersFile
from benchmark.models.asking import Prompter
from benchmark.prompt import Modality
from benchmark.storage.cache import key_of
from benchmark.task import Sample
from benchmark.text import QUOTED, one_line

VERSION = "questions/1"
HASH_LENGTH = 16
"""Hexadecimal digits: 64 bits, so that no two of a million questions are likely to share a hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSettings:
    """What a question depends on besides its sample.

    Attributes:
        templates: the wordings, by the `suite` of their task.
        fps: frames per second.
        most: the most frames.
        spread: whether the frames of a longer clip are spread over all of it.
        modalities: what is sent of a clip.
        sound_seconds: where sound is cut.
    """

    templates: Mapping[str, Template]
    fps: float
    most: int
    spread: bool
    modalities: frozenset[Modality]
    sound_seconds: float


def question_hash(sample: Sample, settings: QuestionSettings) -> str:
    """The hash of a question: of its id, wording, labels and dialogue, and of what is sent of a clip.

    The true labels are no part of it, so that it cannot give them away; nor is the content of the clip, as in the
    fingerprint of the data.
    """
    wording = settings.templates[sample.task.suite].template
    parts: list[object] = [VERSION, sample.own_id, wording, sample.task.subject, sample.question]
    parts += [sample.label_set, sample.task.several, sample.turns]
    if sample.clip is not None:
        parts += [float(settings.fps), settings.most, settings.spread, sorted(settings.modalities)]
        parts += [float(settings.sound_seconds)]
    return key_of(json.dumps(parts))[:HASH_LENGTH]


async def question_row(sample: Sample, prompter: Prompter, settings: QuestionSettings) -> Mapping[str, object]:
    """The question as a line of a file: what a model that takes these modalities is sent, and how to answer it.

    `id`, `video_id` and `clip` are not sent to a model, and may give the answer away.

    Raises:
        DataError: the clip cannot be read.
    """
    prompt = await prompter.prompt(sample, settings.modalities)
    return {
        "id": sample.id,
        "question_hash": question_hash(sample, settings),
        "task": sample.task.name,
        "text": prompt.text,
        "turns": [{"role": turn.speaker, "content": turn.text} for turn in prompt.turns],
        "labels": sample.label_set,
        "several": sample.task.several,
        "clip": None if sample.clip is None else str(sample.clip.path.absolute()),
        "frames": as_frames(prompt.frames).seconds if prompt.frames else (),
        "sound": prompt.sound is not None,
        "video_id": sample.video_id,
    }


def refuse_dialogues(samples: Sequence[Sample], what: str) -> None:
    """Refuses `what`, which needs all answers beforehand, if one of the samples is a dialogue.

    Raises:
        RunError: one is; names the task.
    """
    if task := next((sample.task.name for sample in samples if sample.task.turns), None):
        raise RunError(
            f"{what} cannot be used for {task}: in a dialogue, what the user says next depends on each answer. Serve"
            " the model at an endpoint, and name it with --model=openai:NAME --base-url=URL."
        )


def check_questions(answers: AnswersFile, samples: Sequence[Sample], settings: QuestionSettings) -> None:
    """Refuses answers that were given to other questions than those of these samples, as far as they say to which.

    Raises:
        RunError: an answer has another hash than its question, or the run that kept it asked another question.
    """
    given = [(sample, answers.answers[sample.id]) for sample in samples if sample.id in answers.answers]
    kept = [(sample, one) for sample, one in given if one.question is not None]
    wrong = [(sample, one) for sample, one in kept if one.question != (sample.question, sample.label_set)]
    if wrong:
        sample, one = wrong[0]
        raise RunError(
            f"answers: {len(wrong)} of {len(kept)} answers were given to other questions than this run asks, e.g."
            f" {one.place}: the question or its labels differ; use the data of that run."
        )
    hashed = [(sample, one) for sample, one in given if one.question_hash is not None]
    wrong = [(sample, one) for sample, one in hashed if one.question_hash != question_hash(sample, settings)]
    if wrong:
        sample, one = wrong[0]
        raise RunError(
            f"answers: {len(wrong)} of {len(hashed)} answers were given to other questions than this run asks, e.g."
            f" {one.place} (question_hash {one_line(one.question_hash or '', QUOTED)}, not"
            f" {question_hash(sample, settings)}); use the data and the options with which the questions were written,"
            " or write them again with `mme-emotion questions`."
        )
