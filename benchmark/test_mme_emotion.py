"""One sample is one case."""

from benchmark.task import Sample
from evaluators.metrics.metric import passes
from evaluators.outcome import Score


def test_sample(sample: Sample, score: Score) -> None:
    """The model names every true label of the clip, and no other where one is asked for."""
    assert passes(sample, score), score.explain(sample)
