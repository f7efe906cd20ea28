import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.demo.script import LABEL_SETS
from evaluators.labels import named_labels

LABELS = st.sampled_from([(label, tuple(labels)) for labels in LABEL_SETS.values() for label in labels])
CASES = st.sampled_from([str, str.upper, str.lower, str.title])
WILD = LABEL_SETS["ER-Wild"]


@pytest.mark.parametrize(
    ("text", "task", "expected"),
    [
        ("Answer: happy", "ER-Wild", ["happy"]),
        ("The person's emotion is **joyful**.", "ER-Wild", ["happy"]),
        ("She is furious.", "ML-ER", ["anger"]),
        ("surprise, and then fear", "ER-Wild", ["fear", "surprise"]),
        ("sad, sad, sadly sad", "ER-Wild", ["sad"]),
        ("strong negative", "FG-SA", ["strong negative"]),
        ("Very strong negative.", "FG-SA", ["very strong negative"]),
        ("weak positive or positive", "FG-SA", ["weak positive", "positive"]),
        ("Happiness and Excitement", "FG-ER", ["Excitement", "Happiness"]),
        ("excited", "ER-Lab", ["Excited"]),
        ("Confusion", "FG-ER", ["Doubt/Confusion"]),
        ("doubt/confusion", "FG-ER", ["Doubt/Confusion"]),
        ("He seems neither happy nor sad; he is angry.", "ER-Wild", ["angry"]),
        ("The person isn’t angry but sad.", "ER-Wild", ["sad"]),
        ("He is sad rather than angry.", "ER-Wild", ["sad"]),
        ("not only angry", "ER-Wild", ["angry"]),
        ("no doubt angry", "ER-Wild", ["angry"]),
        ("agreement", "IR", ["agreeing"]),
        ("disagreeing", "IR", []),
        ("unhappy", "ER-Wild", ["sad"]),
        ("negatively", "SA", ["negative"]),
        ("strongly negative", "FG-SA", ["strong negative"]),
        ("slightly positive", "FG-SA", ["weak positive"]),
        ("very negative", "FG-SA", []),
        ("It is not happiness, it is anger.", "ER-Wild", ["angry"]),
        ("There is no anger, clear fear or sadness.", "ER-Wild", []),
        ("Anger is not present, happiness is.", "ER-Wild", ["happy"]),
        ("Happiness, among other emotions", "FG-ER", ["Happiness"]),
        ("This suggests agreeing.", "IR", ["agreeing"]),
        ("other than sad, nothing", "ER-Wild", []),
        ("None", "ER-Wild", []),
        ("", "ER-Wild", []),
        ("The speaker's feelings cannot be told.", "SA", []),
    ],
)
def test_predictions_name_the_labels_that_they_mean(text: str, task: str, expected: list[str]) -> None:
    assert named_labels(text, LABEL_SETS[task]) == tuple(expected)


@given(LABELS, CASES, st.sampled_from(["{}", "**{}**", "_{}_", "`{}`", "“{}”", "It is {}.", "The face, {}, says so"]))
def test_a_label_names_exactly_itself(chosen: tuple[str, tuple[str, ...]], case: type[str], text: str) -> None:
    label, label_set = chosen

    assert named_labels(text.format(case(label)), label_set) == (label,)


@given(
    LABELS, CASES, st.sampled_from(["not {}", "It is not at all **{}**.", "He doesn't seem {}", "never {}, I think"])
)
def test_a_negated_label_is_not_named(chosen: tuple[str, tuple[str, ...]], case: type[str], text: str) -> None:
    label, label_set = chosen

    assert named_labels(text.format(case(label)), label_set) == ()


@given(st.lists(st.sampled_from(WILD), min_size=1), st.sampled_from([", ", "; ", " and ", "\n- "]))
def test_labels_come_once_and_in_the_order_of_the_set(labels: list[str], joint: str) -> None:
    assert named_labels(joint.join(labels), WILD) == tuple(label for label in WILD if label in labels)


def test_a_synonym_of_two_labels_names_neither() -> None:
    assert named_labels("joy", ["happy", "happiness"]) == ()
    assert named_labels("happiness", ["happy", "happiness"]) == ("happiness",)
