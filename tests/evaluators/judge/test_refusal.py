"""What is a refusal, and what only speaks of limits."""

from fractions import Fraction

import pytest

from benchmark.model import Answer
from evaluators.judge.rating import Rating, Ratings
from evaluators.judge.refusal import declines, is_refusal, without_credit
from evaluators.judge.steps import Steps

NOTHING = Steps(reasoning=(), prediction="None")


def steps(*reasoning: str, prediction: str = "None") -> Steps:
    return Steps(reasoning=reasoning, prediction=prediction)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with identifying people's emotions.",
        "I cannot determine the emotion of the person in this video.",
        "I am unable to identify or infer emotions from facial expressions.",
        "As an AI language model, I do not have feelings.",
        "It is not ethical to identify someone's emotions.",
        "I must decline to analyse this video.",
        "This is against my guidelines.",
        "The answer declines to analyse persons.",
        "The answer says that it cannot judge feelings of people.",
        "I don’t feel comfortable with this.",
        "抱歉，我不能回答这个问题。",
        "作为人工智能，我无法判断人物的情绪。",
        "很遗憾，我没有办法识别这段视频里的情绪。",
        "對不起，我無法辨識影片中人物的情緒。",
        "I'm not comfortable inferring emotions from appearance.",
        "I am not able to view videos.",
        "I cannot see the images.",
        "I'd rather not speculate.",
        "I must decline.",
        "I do not infer emotions from images of people.",
        "My guidelines prevent me from doing so.",
        "That is prohibited under the EU AI Act.",
        "我没有能力看视频。",
        "你好，我无法给到相关内容。",
    ],
)
def test_words_that_decline(text: str) -> None:
    assert declines(text)
    assert is_refusal(steps(text))
    assert is_refusal(NOTHING, Answer(text=text, model="m"))


@pytest.mark.parametrize(
    "text",
    [
        "The brows are drawn together and the voice is loud.",
        "The woman does not smile.",
        "He says that he can no longer bear it.",
        "The speaker refuses the offer.",
        "她的声音很大，眉头紧锁。",
        "他说他不能再等了。",
        "The woman says 'I'm sorry' and cries.",
        "他说抱歉，低着头，看起来很难过。",
        "He cannot say anything and stares blankly.",
    ],
)
def test_words_that_observe(text: str) -> None:
    assert not declines(text)
    assert not is_refusal(steps(text))
    assert not is_refusal(steps(text), Answer(text="I cannot determine the emotion.", model="m"))


@pytest.mark.parametrize("prediction", ["None", "none.", "N/A", "无", "“None”", "**None**", "no label"])
def test_committing_to_nothing_with_nothing_observed_is_a_refusal(prediction: str) -> None:
    assert is_refusal(steps(prediction=prediction))


@pytest.mark.parametrize("prediction", ["anger", "curiosity", "not clear, perhaps anger", "none of them but anger"])
def test_who_commits_to_something_has_not_refused(prediction: str) -> None:
    assert not is_refusal(steps(prediction=prediction))
    assert not is_refusal(steps("I cannot identify faces.", prediction=prediction))


def test_the_provider_s_mark_settles_it() -> None:
    assert is_refusal(steps("The voice is loud.", prediction="anger"), Answer(text="x", model="m", refusal=True))
    assert not is_refusal(steps(prediction="anger"), Answer(text="I can't.", model="m", refusal=False))


def test_small_talk_around_a_refusal_is_no_observation() -> None:
    around = steps("I cannot identify emotions.", "It offers to help with something else.")
    looked = steps("I cannot identify the emotion for sure.", "The brows are drawn together.")

    assert is_refusal(around)
    assert not is_refusal(looked)


def test_capitals_change_nothing() -> None:
    assert declines("I AM SORRY, BUT I CANNOT HELP WITH THAT.")
    assert not declines("THE WOMAN SAYS 'I'M SORRY' AND CRIES.")
    assert is_refusal(steps("I CANNOT IDENTIFY EMOTIONS.", prediction="NONE"))
    assert not is_refusal(steps("I cannot identify the emotion.", "THE BROWS ARE DRAWN TOGETHER."))


def test_who_neither_declines_nor_looks_has_not_refused() -> None:
    assert not is_refusal(steps("It is a matter of taste."))
    assert not is_refusal(steps("It is a matter of taste."), Answer(text="Hard to put a name to.", model="m"))


def test_a_refusal_s_steps_get_nothing_and_its_last_what_it_got() -> None:
    good, bad = Rating(value=Fraction(1), reason="well seen"), Rating(value=Fraction(0), reason="wrong")
    given = without_credit(Ratings(reasoning=(good, bad), recognition=good))
    nothing = Rating(value=Fraction(0), reason="a refusal: nothing is reasoned about the clip")
    assert given == Ratings(reasoning=(nothing, bad), recognition=good)


@pytest.mark.parametrize("text", ["N\u200bone", "Ｎｏｎｅ.", "nоne"])
def test_nothing_in_disguise_is_nothing(text: str) -> None:
    assert is_refusal(steps("I cаn't identify emotions.", prediction=text))


@pytest.mark.parametrize("sign", ["!", " ", "，", "< "])
def test_long_answers_take_no_time_to_speak_of(sign: str) -> None:
    assert not is_refusal(steps(prediction=sign * 100_000 + "x"))
