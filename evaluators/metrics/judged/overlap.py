"""The metric of EMER (Lian et al. 2023, arXiv 2306.15401, versions 1 and 2): explanations of an emotion.

A judge compares an explanation with a person's, by the suite's `overlap.txt`, and gives 1 to 10 points for the clues in
common and as many for the emotions in common. The authors asked gpt-3.5-turbo-16k-0613 in Chinese, and took the first
number of its reply. The published figures are the mean points; here they are shares of the ten, so that 7.15 is 0.715,
and the least is 0.1. The two are never averaged there; a case passes if they are at least 6 on average.
"""

from fractions import Fraction

from evaluators.metrics.judged.graded import Graded
from evaluators.metrics.metric import Mean

METRIC = Graded(
    name="judged.overlap",
    prompt="overlap",
    dimensions=("clue", "label"),
    least=1,
    most=10,
    enough=Fraction(6, 10),
    headline="both",
    measures=(Mean("clue", "Clue overlap"), Mean("label", "Label overlap")),
)
