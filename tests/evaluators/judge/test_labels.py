import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.judge.labels import named_labels
from tests.demo_clips.script import LABEL_SETS
from tests.evaluators.judge.lengths import assert_in_proportion

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
        ("not angry, but sad", "ER-Wild", ["sad"]),
        ("not angry but sad", "ER-Wild", ["sad"]),
        ("It isn't anger; rather sadness.", "ER-Wild", ["sad"]),
        ("neither happy nor neutral, but sad", "ER-Wild", ["sad"]),
        ("no anger, only sadness", "ER-Wild", ["sad"]),
        ("not angry and instead sad", "ER-Wild", ["sad"]),
        ("not happy, yet sad and fearful", "ER-Wild", ["sad", "fear"]),
        ("sad, not angry", "ER-Wild", ["sad"]),
        ("not just sad but also angry", "ER-Wild", ["angry", "sad"]),
        ("not angry, but not sad", "ER-Wild", []),
        ("not angry, but neither happy nor sad", "ER-Wild", []),
        ("no anger seen,or sadness", "ER-Wild", []),
        ("non-verbal signs of sadness", "ER-Wild", ["sad"]),
        ("non-sad", "ER-Wild", []),
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


@pytest.mark.parametrize(
    "denied",
    [
        "anything but {}", "everything except {}", "all but {}", "the opposite of {}", "I doubt that it is {}",
        "It would be wrong to say {}", "I refuse to say {}", "un-{}", "{}-less", "{} (no)", "{} is not it",
        "{} is wrong", "{} would be incorrect", "{} doesn’t fit", "{} cannot be right", "{}, not", "{} NOT.",
        "{} — no, not so", "~~{}~~", "<del>{}</del>", "n\u200bot {}", "nоt {}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("label", ["sad", "Anger"])
def test_what_is_denied_or_struck_out_is_not_named(denied: str, label: str) -> None:
    assert named_labels(denied.format(label), WILD) == ()


@pytest.mark.parametrize(
    "text",
    ["nothing but sad", "all signs, but above all sad", "sad - not angry", "sad (not angry)", "sad, not least", "sad?"],
)
def test_what_is_no_denial(text: str) -> None:
    assert named_labels(text, WILD) == ("sad",)


@pytest.mark.parametrize(
    "disguised",
    [
        "a\u200bngry",
        "аngry",
        "ａｎｇｒｙ",
        "𝐚𝐧𝐠𝐫𝐲",
        "a\u0336n\u0336g\u0336r\u0336y\u0336",
        "án\u00adgry",
        "\U000e0041angry",
        "ᴀngry",
    ],
)
def test_a_label_in_disguise_counts_so_that_naming_all_of_them_is_seen(disguised: str) -> None:
    assert named_labels(f"sad, {disguised}", WILD) == ("angry", "sad")


@pytest.mark.parametrize(
    ("text", "label_set", "expected"),
    [
        ("Ответ: страх, по лицу", ("страх", "радость"), ("страх",)),
        ("答案：愤怒。", ("愤怒", "高兴"), ("愤怒",)),
        ("गुस्सा", ("गुस्सा", "गस्सा"), ("गुस्सा",)),
        ("いかり", ("いかり", "いがり"), ("いかり",)),
        ("Réponse : colère", ("colère", "joie"), ("colère",)),
        ("Antwort: Glück", ("Glück", "Wut"), ("Glück",)),
        ("الجواب: حزن", ("حزن", "فرح"), ("حزن",)),
    ],
)
def test_labels_of_other_scripts_are_themselves(
    text: str, label_set: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert named_labels(text, label_set) == expected


def test_a_negation_reaches_eight_words_far() -> None:
    assert named_labels("not in any way that one could call angry", WILD) == ()
    assert named_labels("not in any way that one could ever call angry", WILD) == ("angry",)


@given(st.lists(st.sampled_from(WILD), min_size=1), st.sampled_from([", ", "; ", " and ", "\n- "]))
def test_labels_come_once_and_in_the_order_of_the_set(labels: list[str], joint: str) -> None:
    assert named_labels(joint.join(labels), WILD) == tuple(label for label in WILD if label in labels)


def test_a_synonym_of_two_labels_names_neither() -> None:
    assert named_labels("joy", ["happy", "happiness"]) == ()
    assert named_labels("happiness", ["happy", "happiness"]) == ("happiness",)


@pytest.mark.parametrize("text", ["angry, ", "not angry or ", "sad/", "It is not fear. ", "neither "])
def test_a_long_text_takes_time_in_proportion(text: str) -> None:
    assert_in_proportion(lambda times: named_labels(text * times, WILD), 500)
