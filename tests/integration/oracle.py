"""A judge who knows the truth about anchors, behind a real endpoint."""

from collections.abc import Callable
from fractions import Fraction

from evaluators.judge.check import Anchor, read_anchors
from evaluators.judge.fence import defused
from tests.endpoint import Received, Said, plausible


def knowing(*, fooled_by: str = "") -> Callable[[Received], Said]:
    """An endpoint's reply that rates anchors as they ought to be, those of the kind `fooled_by` all with 1."""
    truths = {defused(anchor.steps.numbered()): anchor for anchor in read_anchors()}

    def reply(received: Received) -> Said:
        anchor = next((found for steps, found in truths.items() if steps in received.text), None)
        if "judge" not in str(received.body["model"]) or anchor is None:
            return plausible(received)
        return Said(_written(anchor, generous=anchor.kind == fooled_by))

    return reply


def _written(anchor: Anchor, *, generous: bool) -> str:
    scale = len(anchor.sample.targets)
    steps = [1 if generous or truth is None else int(truth) for truth in anchor.truth]
    last = scale if generous else int(anchor.recognition * Fraction(scale))
    written = [f"Step {number}: {value}/1" for number, value in enumerate(steps, 1)]
    return f"<score>{', '.join([*written, f'Step {len(steps) + 1}: {last}/{scale}'])}</score>"
