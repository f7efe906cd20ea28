"""The measures of a suite, or of several: those of their tasks' metrics, by place, since names are a suite's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from benchmark.errors import RunError
from benchmark.suite import Suite, is_within
from evaluators.metrics.metric import Equipped, Measure, Metric, Remarked, metric_of


@dataclass(frozen=True)
class Measures:
    """The measures of a suite.

    Attributes:
        metrics: the metric of each task, in the suite's order.
    """

    metrics: Mapping[str, Metric]

    @cached_property
    def by_name(self) -> Mapping[str, Measure]:
        """All measures by name, the headline first."""
        return {measure.name: measure for metric in self.metrics.values() for measure in metric.measures}

    @cached_property
    def details(self) -> Mapping[str, Measure]:
        """The measures that are shown only next to the tables, by name."""
        return {measure.name: measure for metric in self.metrics.values() for measure in metric.details}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all measures, the headline's first."""
        return tuple(self.by_name)

    @property
    def headline(self) -> Measure:
        """The measure that is shown first."""
        return next(iter(self.by_name.values()))

    def at(self, place: str) -> "Measures":
        """The measures of a place: `overall`, one of several suites, or a task."""
        return Measures({name: metric for name, metric in self.metrics.items() if is_within(place, name)})

    def has(self, place: str, name: str) -> bool:
        """Whether the place has the measure."""
        return name in self.at(place).by_name

    @property
    def remarks(self) -> Mapping[str, Sequence[str]]:
        """What a reader of the scores must know of the metrics, and the tasks to which it applies."""
        found: dict[str, list[str]] = {}
        for name, metric in self.metrics.items():
            if isinstance(metric, Remarked) and metric.remark:
                found.setdefault(metric.remark, []).append(name)
        return found

    @property
    def roles(self) -> frozenset[str]:
        """The agents that the tasks need: of `extractor`, `judge` and `listener`; `bertscore` if one can use that."""
        return frozenset[str]().union(*(metric.roles for metric in self.metrics.values()))

    def check(self) -> None:
        """Checks that what the metrics need is installed.

        Raises:
            RunError: a package is missing.
        """
        for metric in self.metrics.values():
            if isinstance(metric, Equipped):
                metric.check()


@cache
def measures_of(suite: Suite) -> Measures:
    """The measures of a suite; of several, those of one are found by `at`.

    Raises:
        RunError: a metric is unknown, or two metrics of a suite have different measures of the same name.
    """
    found = Measures({task.name: metric_of(task) for task in suite.task})
    if suite.members:
        for member in suite.members:
            measures_of(member)
        return found
    for metric in found.metrics.values():
        for measure in metric.measures:
            if found.by_name[measure.name] != measure:
                raise RunError(f"The suite {suite.name} has two measures called {measure.name}; rename one of them.")
    return found
