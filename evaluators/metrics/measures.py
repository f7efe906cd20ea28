"""The measures of a suite: those of its tasks' metrics, each name once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from benchmark.errors import RunError
from benchmark.suite import OVERALL, Suite
from evaluators.metrics.metric import Measure, Metric, find_metric


@dataclass(frozen=True)
class Measures:
    """What sums up the scores of a suite.

    Attributes:
        metrics: by task, in the suite's order.
    """

    metrics: Mapping[str, Metric]

    @cached_property
    def by_name(self) -> Mapping[str, Measure]:
        """All measures, the headline first."""
        return {measure.name: measure for metric in self.metrics.values() for measure in metric.measures}

    @cached_property
    def details(self) -> Mapping[str, Measure]:
        """Those that are only told beside the tables."""
        return {measure.name: measure for metric in self.metrics.values() for measure in metric.details}

    @property
    def names(self) -> tuple[str, ...]:
        """As files and gates spell them."""
        return tuple(self.by_name)

    @property
    def headline(self) -> Measure:
        """The first."""
        return next(iter(self.by_name.values()))

    def has(self, place: str, name: str) -> bool:
        """Whether a task is scored by that measure; or any is, for the place of all."""
        return place == OVERALL or any(measure.name == name for measure in self.metrics[place].measures)

    @property
    def roles(self) -> frozenset[str]:
        """The agents that any of the tasks needs."""
        return frozenset[str]().union(*(metric.roles for metric in self.metrics.values()))


@cache
def measures_of(suite: Suite) -> Measures:
    """The measures of a suite.

    Raises:
        RunError: a metric is unknown, or two metrics call different measures by one name.
    """
    found = Measures({task.name: find_metric(task.metric) for task in suite.task})
    for metric in found.metrics.values():
        for measure in metric.measures:
            if found.by_name[measure.name] != measure:
                raise RunError(f"The suite {suite.name} has two measures called {measure.name}.")
    return found
