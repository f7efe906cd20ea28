"""The floors: guesses that a model must beat."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmark.errors import ModelError
from benchmark.model import Answer
from benchmark.task import Sample


@dataclass(frozen=True, slots=True)
class RandomGuess:
    """Names a random label of the set, each with the same probability; always the same one for a sample.

    Attributes:
        open_labels: what is drawn from where a sample has no label set: the true labels of its task, by task.
        name: the name in reports.
    """

    open_labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    name: str = "random"

    async def answer(self, sample: Sample) -> Answer:
        """One label, drawn with the sample's own id as the seed.

        Raises:
            ModelError: neither the question nor its task has labels.
        """
        labels = sample.label_set or self.open_labels.get(sample.task.name)
        if not labels:
            raise ModelError(f"{sample.id} has no labels to guess from; --model=majority guesses without.")
        return Answer(text=random.Random(sample.own_id).choice(labels), model=self.name, ending="whole")  # noqa: S311  no secret


def random_of(samples: Sequence[Sample]) -> RandomGuess:
    """The respondent that names random labels of these samples."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for sample in samples:
        if not sample.label_set:
            found[sample.task.name].update(dict.fromkeys(sample.targets))
    return RandomGuess({task: tuple(sorted(labels)) for task, labels in found.items()})


@dataclass(frozen=True, slots=True)
class MajorityGuess:
    """Names the most common label(s) of the sample's task and source, regardless of the clip.

    Attributes:
        commonest: the label(s), by task and source.
        name: the name in reports.
    """

    commonest: Mapping[tuple[str, str], tuple[str, ...]]
    name: str = "majority"

    async def answer(self, sample: Sample) -> Answer:
        """The most common label(s) of the sample's task and source."""
        return Answer(text=", ".join(self.commonest[sample.task.name, sample.source]), model=self.name, ending="whole")


def majority_of(samples: Sequence[Sample]) -> MajorityGuess:
    """The respondent that names the most common labels of these samples."""
    return MajorityGuess({group: counts.most_common(1)[0][0] for group, counts in label_counts(samples).items()})


def guessed_right(samples: Sequence[Sample]) -> Mapping[str, bool]:
    """Whether the most common labels of its task and source are exactly those of the sample, by its id."""
    commonest = majority_of(samples).commonest
    return {
        sample.id: commonest[sample.task.name, sample.source] == tuple(sorted(sample.targets)) for sample in samples
    }


def label_counts(samples: Sequence[Sample]) -> Mapping[tuple[str, str], Counter[tuple[str, ...]]]:
    """How often each label, or set of labels in alphabetical order, is true, by task and source.

    A ranking counts as its first label.
    """
    counts: dict[tuple[str, str], Counter[tuple[str, ...]]] = defaultdict(Counter)
    for sample in samples:
        counts[sample.task.name, sample.source][tuple(sorted(sample.task.kind_of(sample.targets)))] += 1
    return counts
