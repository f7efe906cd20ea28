"""What a run would ask and cost, found out by going through it with nobody at the other end."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from benchmark.cache import Cache
from benchmark.clip import ClipReader
from benchmark.errors import DataError, ModelError
from benchmark.model import Answer, Model
from benchmark.money import Price, Span, cost, input_tokens, most_output
from benchmark.prompt import Prompt
from benchmark.task import Sample

REHEARSED = 40
"""So many samples stand for those whose clips have not been decoded yet."""

ASKED_AGAIN = 1.1
"""Calls for each one needed, at most: replies that do not parse are asked for again."""

OUTPUT_TOKENS: Mapping[str, Span] = {"extractor": (40, 400), "judge": (40, 600), "listener": (30, 300)}
"""What agents write; the least and the most of plain replies."""

ANSWER_TOKENS: Span = (20, 1800)
"""From a terse model's mean answer to twice the longest one in the published table (Qwen2-VL-72B: 25, QVQ: 900)."""

_ANSWER = "The speaker frowns, the voice is low and slow, and the words speak of a loss. " * 12
_STEPS = "<step>" + " ".join(
    f"Step {n}: {'The voice is low and slow while the brows are drawn. ' * 2}" for n in range(1, 7)
)


@dataclass(slots=True)
class Expected:
    """What one role would be asked.

    Attributes:
        calls: requests; a fraction where few samples stand for many.
        kept: replies that are in the cache.
        tokens_in: of all calls together, at least and at most; so `tokens_out`.
    """

    calls: float = 0.0
    kept: float = 0.0
    tokens_in: Span = (0.0, 0.0)
    tokens_out: Span = (0.0, 0.0)

    def add(self, tokens_in: Span, tokens_out: Span, weight: float) -> None:
        """Counts a call that stands for `weight` of them."""
        most = weight * ASKED_AGAIN
        self.calls += weight
        self.tokens_in = (self.tokens_in[0] + weight * tokens_in[0], self.tokens_in[1] + most * tokens_in[1])
        self.tokens_out = (self.tokens_out[0] + weight * tokens_out[0], self.tokens_out[1] + most * tokens_out[1])

    def cost(self, price: Price | None) -> Span | None:
        """USD, at least and at most; None where the price is not known."""
        if price is None:
            return None
        return cost(price, self.tokens_in[0], self.tokens_out[0]), cost(price, self.tokens_in[1], self.tokens_out[1])


@dataclass(slots=True)
class Rehearsal:
    """What is found out on the way, how often each sample is asked, how many the one under way stands for."""

    cache: Cache
    repeats: int = 1
    weight: float = 1.0
    roles: defaultdict[str, Expected] = field(default_factory=lambda: defaultdict(Expected))


@dataclass(frozen=True, slots=True)
class Understudy:
    """In place of a model: takes down what it is asked, and says something of a plausible length."""

    model: Model
    role: str
    rehearsal: Rehearsal

    async def generate(self, prompt: Prompt) -> Answer:
        """A reply that keeps the flow going.

        Raises:
            ModelError: nothing comes after this one.
        """
        rehearsal, judges = self.rehearsal, self.role.startswith("judge")
        times = 2 * rehearsal.repeats - 1 if judges else rehearsal.repeats
        times = 1 if self.role.endswith("check") else times
        rehearsal.roles[self.role].add(input_tokens(prompt), self._output(), rehearsal.weight * times)
        if judges:
            raise ModelError("This is where the flow ends.")
        return Answer(text=f"<step>{_STEPS}</step>" if self.role == "extractor" else _ANSWER, model=self.model.name)

    def _output(self) -> Span:
        parameters: Mapping[str, Any] = getattr(_terms(self.model), "parameters", {})
        most = min(ANSWER_TOKENS[1], most_output(parameters))
        return OUTPUT_TOKENS.get(self.role.partition(" ")[0], (min(ANSWER_TOKENS[0], most), most))


@dataclass(frozen=True, slots=True)
class Looking:
    """The cache of a rehearsal: what is kept is found and counted, nothing is added."""

    role: str
    rehearsal: Rehearsal

    def get(self, key: str) -> bytes | None:
        """The reply under the key, or None."""
        kept = self.rehearsal.cache.get(key)
        if kept is not None:
            self.rehearsal.roles[self.role].kept += self.rehearsal.weight
        return kept

    async def keep(self, key: str, value: bytes) -> None:
        """Does not."""


class Nothing:
    """A cache that has nothing: what is asked anew is paid for whatever is kept."""

    def get(self, key: str) -> bytes | None:  # noqa: ARG002  the protocol's
        """Never there."""
        return None

    async def keep(self, key: str, value: bytes) -> None:
        """Does not."""


def known_and_not(
    samples: Sequence[Sample], reader: ClipReader, *, fps: float, most: int
) -> list[tuple[float, Sequence[Sample]]]:
    """The samples to go through, in groups, with how many samples each of them stands for.

    All whose clips are decoded stand for themselves; of the others a few, evenly taken, stand for the rest. Those whose
    clips cannot be read would ask nothing.
    """
    known: list[Sample] = []
    others: list[Sample] = []
    for sample in samples:
        with suppress(DataError):
            is_known = reader.knows(sample.clip, fps=fps, most=most) and reader.knows(sample.clip)
            (known if is_known else others).append(sample)
    step = max(1.0, len(others) / REHEARSED)
    chosen = [others[int(step * place)] for place in range(min(REHEARSED, len(others)))]
    return [(1.0, known), (step, chosen)]


def lines_of(roles: Iterable[tuple[str, Model, Expected]]) -> list[tuple[str, ...]]:
    """A table: a row for each role, and the total."""
    head = ("Role", "Model", "Calls", "Kept", "Input tokens", "Output tokens", "USD")
    rows, costs = [], []
    for role, model, expected in roles:
        spent = expected.cost(getattr(_terms(model), "usd", None)) if expected.calls else (0.0, 0.0)
        costs.append(spent)
        counts = (f"{expected.calls:.0f}", f"{expected.kept:.0f}", _tokens(expected.tokens_in))
        rows.append((role, model.name, *counts, _tokens(expected.tokens_out), _usd(spent)))
    known = [spent for spent in costs if spent is not None]
    total = (sum(low for low, _ in known), sum(high for _, high in known))
    told = _usd(total) if len(known) == len(costs) else f"{_usd(total)} and what is unknown"
    return [head, *rows, ("total", "", "", "", "", "", told)]


def _terms(model: Model) -> object:
    """What says how a model is asked and what that costs: its endpoint, or itself."""
    return getattr(model, "endpoint", model)


def _tokens(span: Span) -> str:
    return " – ".join(f"{tokens / 1e6:.2f} M" if tokens >= 1e5 else f"{tokens:.0f}" for tokens in span)


def _usd(span: Span | None) -> str:
    return "unknown; --price tells" if span is None else f"{span[0]:.2f} – {span[1]:.2f}"
