"""The metrics of Emo-CFG, the benchmark of VidEmo (arXiv 2511.02712): attributes, expressions, emotions.

An answer scores by one of four rules, after the scripts of github.com/KlingTeam/VidEmo (`eval/config.py`):

    choice    1 if a judge says that it is right, else 0
    match     a judge's 0 to 100 points for how well it matches the reference, as a share of 100
    sets      F1 of the labels that it names (`sample_f1`)
    caption   a judge's 1 to 100 points in six dimensions, as a share of 100; the score is their mean

The published tables have means of means (`eval/generate_table.py`), with the weights used here: of six closed tasks on
attributes, of twelve groups of open questions on these, of each of four groups of tasks on expressions, and of the six
dimensions. Attribute is the mean of the first two, Expression that of the four, Emotion the last. Score is the mean of
these three; how the paper forms its overall average is not stated.

Unlike there, a reply without points leaves the sample without a score; the scripts count it as 0, or leave it out.
"""

from fractions import Fraction

from evaluators.metrics.judged.graded import Graded
from evaluators.metrics.means import Group, MeanOfMeans
from evaluators.metrics.metric import Measure
from evaluators.metrics.sample_f1 import SampleF1

CLOSED: Group = (
    "CelebV-HQ-appearance", "CelebV-Text-appearance", "CelebV-HQ-action", "CelebV-Text-action", "MEAD-identity",
    "MEAD-pose",
)  # fmt: skip
OPEN: Group = (
    ("QA-eyes", "QA-eyebrows"), "QA-mouth", "QA-nose", "QA-hair", "QA-chin", "QA-face-shape", "QA-facial-features",
    "QA-accessories", "QA-age", "QA-gender", "QA-skin", ("QA-body-actions", "QA-facial-actions", "QA-head-actions"),
)  # fmt: skip
EMOTIONS: Group = (
    ("DFEW-single", "MAFW-single", "MER2023-single"), "MAFW-multiple", ("MEAD-fine", "RAVDESS-fine"),
)  # fmt: skip
SENTIMENTS: Group = (("MOSEI-sentiment", "MOSI-sentiment"), "CH-SIMS-fine")
CUES: Group = ("CAS-micro", "AffWild2-units")
SCENES: Group = ("CelebV-Text-emotion", ("PERR-dialogue", "MELD-dialogue"))
CAPTION_TASK = "caption"

_ATTRIBUTE: tuple[Group, ...] = (CLOSED, OPEN)
_EXPRESSION: tuple[Group, ...] = (EMOTIONS, SENTIMENTS, CUES, SCENES)
SCORE = MeanOfMeans("score", "Score", (_ATTRIBUTE, _EXPRESSION, CAPTION_TASK))
ATTRIBUTE = (SCORE, MeanOfMeans("attribute", "Attribute", _ATTRIBUTE))
EXPRESSION = (SCORE, MeanOfMeans("expression", "Expression", _EXPRESSION))
EMOTION = (SCORE, MeanOfMeans("emotion", "Emotion", (CAPTION_TASK,)))

DIMENSIONS = {
    "labels": "Label overlap",
    "clues": "Clue overlap",
    "adherence": "Adherence",
    "accuracy": "Accuracy",
    "relevance": "Relevance",
    "fluency": "Fluency",
}
"""The dimensions of a caption and their titles, in the order of the published table."""


def _choice(measures: tuple[Measure, ...]) -> Graded:
    """The rule of choices; a panel of judges decides by more than half."""
    return Graded(
        name="emo_cfg_choice",
        prompt="right",
        dimensions=("right",),
        most=1,
        enough=Fraction(51, 100),
        measures=measures,
    )


def _match(measures: tuple[Measure, ...]) -> Graded:
    """The rule of matches."""
    return Graded(
        name="emo_cfg_match",
        prompt="match",
        dimensions=("match",),
        most=100,
        enough=Fraction(3, 5),
        measures=measures,
    )


ATTRIBUTE_CHOICE, EXPRESSION_CHOICE = _choice(ATTRIBUTE), _choice(EXPRESSION)
ATTRIBUTE_MATCH, EXPRESSION_MATCH = _match(ATTRIBUTE), _match(EXPRESSION)
ATTRIBUTE_SETS, EXPRESSION_SETS = SampleF1(measures=ATTRIBUTE), SampleF1(measures=EXPRESSION)
CAPTION = Graded(
    name="emo_cfg_caption",
    prompt="caption",
    dimensions=tuple(DIMENSIONS),
    least=1,
    most=100,
    enough=Fraction(3, 5),
    measures=EMOTION,
    details=tuple(MeanOfMeans(name, title, (CAPTION_TASK,), mark=name) for name, title in DIMENSIONS.items()),
)
METRIC = EXPRESSION_CHOICE
