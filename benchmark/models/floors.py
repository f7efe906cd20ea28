"""The floors: what a guess scores."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.model import Answer
from benchmark.task import Sample


@dataclass(frozen=True, slots=True)
class RandomGuess:
    """Names one label of the set, each as likely as the other; the same one every time."""

    name: str = "random"

    async def answer(self, sample: Sample) -> Answer:
        """One label, settled by the sample's id."""
        return Answer(text=random.Random(sample.id).choice(sample.label_set), model=self.name, ending="whole")  # noqa: S311  no secret


@dataclass(frozen=True, slots=True)
class MajorityGuess:
    """Names the commonest label(s) of the sample's source, whatever the clip: what a model must beat."""

    commonest: Mapping[tuple[str, str], tuple[str, ...]]
    name: str = "majority"

    async def answer(self, sample: Sample) -> Answer:
        """The label(s) commonest in the sample's task and source."""
        return Answer(text=", ".join(self.commonest[sample.task.name, sample.source]), model=self.name, ending="whole")


def majority_of(samples: Sequence[Sample]) -> MajorityGuess:
    """The majority of the samples given."""
    return MajorityGuess({group: counts.most_common(1)[0][0] for group, counts in label_counts(samples).items()})


def label_counts(samples: Sequence[Sample]) -> Mapping[tuple[str, str], Counter[tuple[str, ...]]]:
    """How often each label, or set of labels, is true, by task and source."""
    counts: dict[tuple[str, str], Counter[tuple[str, ...]]] = defaultdict(Counter)
    for sample in samples:
        counts[sample.task.name, sample.source][tuple(sorted(sample.targets))] += 1
    return counts
