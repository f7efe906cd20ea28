"""Whether an answer refuses the question: then it has no reasoning about the clip, and its Reasoning is 0.

I'm sorry, but I can't identify people's emotions.                    a refusal
As an AI, I find it unethical to judge feelings. None.                a refusal
很抱歉，我无法识别视频中人物的情绪。                                    a refusal
None                                                                  a refusal: no label, and nothing seen or heard
I cannot hear the voice, but the brows are drawn together: anger.     an answer: it names a label
The face is hidden and the voice is flat. None.                       an answer: it describes the clip
"""

import re
from dataclasses import replace
from fractions import Fraction

from benchmark.model import Answer
from evaluators.judge.lookalikes import spelt_out
from evaluators.judge.rating import Ratings
from evaluators.judge.steps import Steps

NOTHING_REASONED = "a refusal: nothing is reasoned about the clip"

_UNABLE = (
    r"(?:can(?:not|'t| not)|could(?: not|n't)|(?:am|is|are|was) (?:not able|unable)|(?:'m|'s) (?:not able|unable)"
    r"|unable|will not|won't|would not|wouldn't|must not|mustn't|may not"
    r"|(?:not|isn't|is not) (?:possible|appropriate|ethical|right|acceptable|permitted|allowed|designed|programmed))"
)
_DOING = (
    r"(?:assist|help|answer|comply|fulfil|fulfill|complete|do (?:this|that)|provide|offer|give|make|identif\w*"
    r"|recogni[sz]\w*|determin\w*|infer\w*|analy[sz]\w*|assess\w*|judg\w*|evaluat\w*|interpret\w*|classif\w*|speculat\w*|guess\w*|tell|say"
    r"|label\w*|discuss\w*|comment\w*|engage|process|have (?:feelings|emotions))"
)
_DECLINING = re.compile(
    rf"\b{_UNABLE}\b(?:\W+\w+){{0,3}}?\W+{_DOING}\b"
    r"|\b(?:declin(?:e|es|ed|ing)|refus(?:e|es|ed|ing)) to\b"
    r"|\bnot comfortable\b|\brather not\b|\bmust decline\b|\binappropriate\b|\bprohibited\b"
    r"|\b(?:guidelines|policy|policies|rules) (?:prevent|forbid|prohibit|do not allow|don't allow)"
    rf"|\b{_UNABLE}\W+(?:\w+\W+){{0,2}}?(?:see|view|watch|hear|access|play|open|listen to)\W+(?:\w+\W+){{0,2}}?"
    r"(?:images?|pictures?|photos?|videos?|clips?|audio|sound|files?|content|media)\b"
    r"|\bi (?:do not|don't) (?:infer|identify|analy[sz]e|assess|judge|recogni[sz]e)\b"
    r"|\bi (?:do not|don't) (?:feel comfortable|have (?:feelings|emotions|the ability)|provide|give|make|offer)\b"
    r"|\bas an? (?:AI|artificial intelligence|(?:large )?language model|assistant)\b"
    r"|\b(?:unethical|against (?:my|the|our|its) (?:policy|policies|guidelines|rules))\b"
    r"|\bviolates? (?:my|the|our|its|privacy)\b"
    r"|\b(?:i am|i'm) sorry\b|\bi apologi[sz]e\b|\bapologi[sz](?:es|ing) for\b"
    r"|抱歉|对不起|很遗憾|恕我|(?:无法|不能|不可以|不会|不便|难以|没有办法|没办法|拒绝)(?:[^，。；！？\n]{0,8})"
    r"(?:识别|辨别|判断|确定|分析|推断|推测|回答|提供|协助|帮助|满足|评估|评价|描述|给出|完成|处理|讨论|识別|辨識|判斷|確定|推斷|協助|評估)"
    r"|作为(?:一个|一名)?(?:AI|人工智能|大?语言模型|助手)|作為(?:一個|一名)?(?:AI|人工智慧|大?語言模型|助手)"
    r"|没有能力|無能力|无法给|不予(?:回答|评论)|无可奉告"
    r"|不(?:道德|合适|恰当|适合|符合伦理)|無法|違反|违反",
    re.IGNORECASE,
)
_OBSERVED = re.compile(
    r"\b(?:faces?|facial|brows?|eyebrows?|eyes?|gaze|mouth|lips?|smil\w+|frown\w*|teeth|tears?|cr(?:y|ies|ied|ying)|laugh\w*"
    r"|voices?|tones?|pitch|loud\w*|quiet\w*|tempo|speaks?|speaking|spoke|shout\w*|whisper\w*|sighs?|sighing|pauses?|hands?"
    r"|speakers?|m[ae]n|wom[ae]n|girls?|boys?|he|she|his|her|him|arms?|shoulders?|head|posture|gestures?|nods?|nodding|trembl\w*|words?|says?|said|background|frames?|looks?)\b"
    r"|他|她|表情|面部|脸|眉|眼|嘴|唇|笑|哭|泪|声音|语气|语调|音调|语速|手|头|肩|姿势|动作|点头|说",
    re.IGNORECASE,
)
# "The woman says 'I'm sorry'": this describes the clip
_ABOUT_SOMEBODY = re.compile(
    r"\W*(?:(?:the|a|an|this|one) )?(?:\w+ )?(?:he|she|they|wom[ae]n|m[ae]n|speaker|girl|boy|child|mother|father)\b"
    r"|\W*(?:他|她|男|女|说话者|说话人)",
    re.IGNORECASE,
)
_COMMITS_TO_NOTHING = re.compile(
    r"\W*+(?:none|n/?a|null|nil|no label|no answer|no prediction|unknown|undetermined|cannot be determined"
    r"|未知|无法确定|无|無|没有|沒有|不适用)?\W*+",
    re.IGNORECASE,
)


def declines(text: str) -> bool:
    """Whether the text declines to answer, in English or Chinese; a person in the clip who declines does not count."""
    words = spelt_out(text).replace("\u2019", "'")
    return _ABOUT_SOMEBODY.match(words) is None and _DECLINING.search(words) is not None


def is_refusal(steps: Steps, answer: Answer | None = None) -> bool:
    """Whether an answer, split into these steps, refuses the question.

    It does if the provider marks it as a refusal. It also does if its last step names nothing and no other step
    describes the clip: there is none, each declines, or the answer declines and none mentions anything seen or heard.
    """
    if answer is not None and answer.refusal:
        return True
    if not _commits_to_nothing(steps.prediction):
        return False
    said = [step for step in steps.reasoning if not _commits_to_nothing(step)]
    others = [spelt_out(step) for step in said if not declines(step)]
    declined = len(others) < len(said) or (answer is not None and declines(answer.text))
    return not others or (declined and not any(map(_OBSERVED.search, others)))


def _commits_to_nothing(text: str) -> bool:
    return _COMMITS_TO_NOTHING.fullmatch(spelt_out(text)) is not None


def without_credit(ratings: Ratings) -> Ratings:
    """The ratings of a refusal: the steps before the last are rated 0, whatever the judge says."""
    reasoning = tuple(
        replace(rating, value=Fraction(0), reason=NOTHING_REASONED) if rating.value else rating
        for rating in ratings.reasoning
    )
    return replace(ratings, reasoning=reasoning)
