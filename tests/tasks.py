"""MME-Emotion's tasks and measures, and what is sure of its samples."""

from benchmark.clip import Clip
from benchmark.suite import find_suite
from benchmark.task import Sample
from evaluators.measures import measures_of
from evaluators.metrics.steps import StepScore
from evaluators.outcome import Scored, Unscored

SUITE = find_suite()
TASKS = SUITE.tasks
DEMO = SUITE.home.joinpath(str(SUITE.demo)).resolve()
MEASURES = measures_of(SUITE)
MEASURE = MEASURES.by_name


def clip_of(sample: Sample) -> Clip:
    """Its clip, which every sample of the suite has."""
    assert sample.clip is not None
    return sample.clip


def steps_of(outcome: Scored | Unscored) -> StepScore:
    """The score of a sample that has one."""
    assert isinstance(outcome, Scored)
    assert isinstance(outcome.score, StepScore)
    return outcome.score
