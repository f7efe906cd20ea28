"""The floors: one label at random, or the commonest."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.clip import Clip
from benchmark.errors import ModelError
from benchmark.model import Answer, Respondent
from benchmark.models.floors import RandomGuess, label_counts, majority_of, random_of
from benchmark.task import Sample
from tests.tasks import TASKS

LABELS = ("joy", "anger", "fear")


def sample(number: int, targets: tuple[str, ...], source: str = "MAFW", task: str = "ML-ER") -> Sample:
    name = f"{task}/{source}/{number}"
    clip = Clip(Path("absent.mp4"))
    return Sample(
        id=name,
        task=TASKS[task],
        clip=clip,
        label_set=LABELS,
        targets=targets,
        source=source,
        recording=name,
        video_id=name,
    )


def said(respondent: Respondent, asked: Sample) -> Answer:
    return asyncio.run(respondent.answer(asked))


def test_without_labels_there_is_nothing_to_guess_at_random() -> None:
    free = replace(sample(1, ("because",)), label_set=())
    with pytest.raises(ModelError, match="ML-ER/MAFW/1 has no labels to guess from"):
        said(RandomGuess(), free)
    assert said(majority_of([free]), free).text == "because"


def test_the_random_guess_is_one_label_and_the_same_every_time() -> None:
    asked = [sample(number, ("joy",)) for number in range(300)]
    guesses = [said(RandomGuess(), one).text for one in asked]

    assert guesses == [said(RandomGuess(), one).text for one in reversed(asked)][::-1]
    assert set(guesses) == set(LABELS)
    assert min(Counter(guesses).values()) > 70


def test_the_random_guess_does_not_depend_on_the_truth() -> None:
    guess = RandomGuess()

    assert {said(guess, sample(1, (label,))).text for label in LABELS} == {said(guess, sample(1, ("joy",))).text}


def test_the_random_guess_at_an_open_question_is_a_word_that_is_true_of_its_task() -> None:
    asked = [replace(sample(number, LABELS[: 1 + number % 2]), label_set=()) for number in range(200)]
    other = replace(sample(1, ("contempt",), task="ER-Wild"), label_set=())
    guess = random_of([*asked, other])

    guesses = Counter(said(guess, one).text for one in asked)
    assert set(guesses) == set(LABELS[:2])
    assert min(guesses.values()) > 60
    assert said(guess, other).text == "contempt"
    assert said(guess, sample(1, ("joy",))) == said(RandomGuess(), sample(1, ("joy",)))


def test_the_majority_is_that_of_the_task_and_source() -> None:
    samples = [
        *(sample(number, ("anger", "joy")) for number in (1, 2)),
        sample(3, ("joy", "anger")),
        *(sample(number, ("fear",)) for number in (4, 5)),
        sample(6, ("joy",), source="CMU-MOSEI"),
        sample(7, ("anger",), task="ER-Wild"),
    ]
    guess = majority_of(samples)

    assert [said(guess, one).text for one in samples] == ["anger, joy"] * 5 + ["joy", "anger"]
    assert said(guess, samples[0]).model == "majority"


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(["MAFW", "DFEW"])), min_size=1, max_size=20))
def test_no_constant_label_is_commoner_than_the_majority(drawn: list[tuple[str, str]]) -> None:
    samples = [sample(n, (label,), source, "ER-Wild") for n, (label, source) in enumerate(drawn)]
    guess = majority_of(samples)

    for (task, source), counts in label_counts(samples).items():
        members = [one for one in samples if one.source == source]
        right = sum(said(guess, one).text == one.targets[0] for one in members)
        assert task == "ER-Wild"
        assert counts.total() == len(members)
        assert right == max(sum(one.targets == (label,) for one in members) for label in LABELS)
