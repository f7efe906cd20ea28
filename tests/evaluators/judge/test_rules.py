import asyncio
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.model import Answer
from evaluators.judge.evidence import Evidence, Question
from evaluators.judge.rules import RulesExtractor, RulesJudge, contradiction, recognised, split_sentences
from evaluators.judge.rules import split_steps as split
from evaluators.judge.steps import Steps

LABELS = ("neutral", "happy", "angry", "sad", "fear")
ONE = Question(subject="emotion", label_set=LABELS, several=False)
MANY = Question(subject="emotion", label_set=LABELS, several=True)
LOUD = 'The speaker says "No." in a loud, hard, angry voice.'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She smiles. She nods.", ["She smiles.", "She nods."]),
        ("1. She smiles.\n2) She nods!\n- So be it", ["She smiles.", "She nods!", "So be it"]),
        ("**Step 1:** She smiles.\n\n# Step 2 - She nods.", ["She smiles.", "She nods."]),
        ("The voice lies at -18.2 dB. It is loud.", ["The voice lies at -18.2 dB.", "It is loud."]),
        ("Some signs, e.g. Tears, are there.", ["Some signs, e.g. Tears, are there."]),
        ("She waits for Dr. Smith.", ["She waits for Dr. Smith."]),
        ("<think>He frowns.</think>\n他笑了。他点头。", ["He frowns.", "他笑了。", "他点头。"]),
        (" \n\n", []),
    ],
)
def test_a_text_is_split_at_lines_and_sentences(text: str, expected: list[str]) -> None:
    assert list(split_sentences(text)) == expected


@pytest.mark.parametrize(
    ("text", "reasoning", "prediction"),
    [
        ("He frowns. He shouts.\nAnswer: angry", ("He frowns.", "He shouts."), "angry"),
        ("Overall, he is angry. Thanks for asking.", ("Thanks for asking.",), "angry"),
        ("Answer: sad\nShe could look happy to some.", ("She could look happy to some.",), "sad"),
        ("He seems happy. Then he turns sad.", ("He seems happy.",), "sad"),
        ("Final answer: sad and, before that, happy", (), "happy, sad"),
        (
            "He is sad.<answer>He shouts. He is angry.</answer>Happy to help.",
            ("He is sad.", "Happy to help.", "He shouts."),
            "angry",
        ),
        ("<answer>sad</answer> No: <answer>angry", ("sad No:",), "angry"),
        ("The face cannot be seen.", ("The face cannot be seen.",), "None"),
        ("He is not angry.", ("He is not angry.",), "None"),
        ("", (), "None"),
    ],
)
def test_the_conclusion_is_the_last_that_says_so_or_else_names_a_label(
    text: str, reasoning: tuple[str, ...], prediction: str
) -> None:
    assert split(text, ONE) == Steps(reasoning=reasoning, prediction=prediction)


@given(st.integers(0, 40), st.booleans())
def test_there_are_at_most_twelve_steps_before_the_last_and_no_sentence_is_lost(count: int, concludes: bool) -> None:  # noqa: FBT001
    sentences = [f"Sign {number} is seen." for number in range(count)]
    steps = split("\n".join([*sentences, *["Answer: sad"] * concludes]), ONE)

    assert len(steps.reasoning) == min(count, 12)
    assert " ".join(steps.reasoning) == " ".join(sentences)


@pytest.mark.parametrize(
    ("step", "contradicts"),
    [
        ("The voice is soft and slow.", "arousal"),
        ("She sounds cheerful.", "valence"),
        ("She sounds furious.", None),
        ("She does not sound cheerful.", None),
        ("The voice is not soft, but furious.", None),
        ("The wall is green.", None),
        ("", None),
    ],
)
def test_a_step_contradicts_by_asserting_the_opposite(step: str, contradicts: str | None) -> None:
    reason = contradiction(step, LOUD)

    assert (reason is None) if contradicts is None else (reason is not None and contradicts in reason)
    assert contradiction(step, "") is None


@pytest.mark.parametrize(
    ("step", "clue", "reason"),
    [
        ("She sounds cheerful.", LOUD, "asserts high valence (+0.8), the clue says low (-0.7)"),
        ("The voice is monotone.", "An excited voice.", "asserts low arousal (-0.5), the clue says high (+0.9)"),
        ("He looks embarrassed.", "A happy voice.", "asserts low valence (-0.4), the clue says high (+0.8)"),
        ("A happy face.", "He sounds embarrassed.", "asserts high valence (+0.8), the clue says low (-0.4)"),
        ("He is mocking her.", "A happy voice.", None),
        ("A happy face.", "His words are mocking.", None),
        ("His words are mocking, his tone sarcastic.", "A happy voice.", None),
    ],
)
def test_opposites_contradict_from_two_fifths_of_the_scale_on_by_the_mean_of_their_words(
    step: str, clue: str, reason: str | None
) -> None:
    assert contradiction(step, clue) == reason


def test_where_nothing_is_known_of_the_sound_no_step_is_wrong() -> None:
    steps = Steps(reasoning=("She sounds cheerful.", "She sounds sad."), prediction="sad")
    evidence = Evidence(question=ONE, targets=("sad",), audio_clue=None)
    rated = asyncio.run(RulesJudge().rate(steps, evidence))
    assert [rating.value for rating in rated.value.reasoning] == [1, 1]


@pytest.mark.parametrize(
    ("prediction", "question", "targets", "value"),
    [
        ("sad", ONE, ("sad",), Fraction(1)),
        ("Sadness", ONE, ("sad",), Fraction(1)),
        ("happy", ONE, ("sad",), Fraction(0)),
        ("happy, sad", ONE, ("sad",), Fraction(0)),
        ("None", ONE, ("sad",), Fraction(0)),
        ("sad", MANY, ("sad", "fear"), Fraction(1, 2)),
        ("fear, sad", MANY, ("sad", "fear"), Fraction(1)),
        ("sad, happy", MANY, ("sad", "fear", "angry"), Fraction(1, 3)),
        ("None", MANY, ("sad", "fear"), Fraction(0)),
    ],
)
def test_recognition_is_all_or_nothing_but_a_share_of_several(
    prediction: str, question: Question, targets: tuple[str, ...], value: Fraction
) -> None:
    evidence = Evidence(question=question, targets=targets, audio_clue=None)
    found = recognised(Steps(reasoning=(), prediction=prediction), evidence)
    named = [label for label in LABELS if label in prediction.lower()]

    assert found.value == value
    assert found.reason == (f"names {', '.join(named)}" if named else "names no label")


def test_thoughts_are_reasoning_and_the_answer_where_there_is_no_other() -> None:
    def extracted(text: str, thoughts: str) -> Steps:
        answer = Answer(text=text, model="any", thoughts=thoughts)
        return asyncio.run(RulesExtractor().extract(answer, ONE)).value

    assert extracted("He is angry.", "She is sad. He shouts.") == Steps(
        reasoning=("She is sad.", "He shouts."), prediction="angry"
    )
    assert extracted(" ", "He shouts. He is angry.") == Steps(reasoning=("He shouts.",), prediction="angry")


def test_the_agents_extract_and_rate() -> None:
    answer = Answer(text="1. She sounds cheerful.\n2. The fist is raised.\nAnswer: angry", model="any")
    extracted = asyncio.run(RulesExtractor().extract(answer, ONE))
    rated = asyncio.run(RulesJudge().rate(extracted.value, Evidence(question=ONE, targets=("angry",), audio_clue=LOUD)))

    assert len(extracted.value) == 3
    assert [(rating.value, rating.reason) for rating in rated.value.reasoning] == [
        (Fraction(0), "asserts high valence (+0.8), the clue says low (-0.7)"),
        (Fraction(1), None),
    ]
    assert rated.value.recognition.value == 1
    assert (extracted.model, rated.model) == ("rules", "rules")
    assert not RulesJudge().sees
