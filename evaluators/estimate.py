"""What a run would ask and cost, found out by going through it with nobody at the other end."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean
from typing import Any

from benchmark.accounts.catalogue import end_notice
from benchmark.accounts.money import Span, input_usage, most_output
from benchmark.accounts.prices import Price
from benchmark.clips.reader import ClipReader
from benchmark.errors import DataError, ModelError
from benchmark.model import Answer, Model
from benchmark.models.cached import parse_object
from benchmark.prompt import Prompt
from benchmark.storage.cache import Cache, key_of
from benchmark.task import Sample
from benchmark.usage import Usage, count_of

REHEARSED = 40
"""So many samples stand for those whose clips have not been decoded yet."""

ASKED_AGAIN = 1.1
"""Calls for each one needed, at most: replies that do not parse are asked for again."""

FEW_KEPT = 10
"""So many kept replies of a model tell of its others."""

UNSURE, SUREST = 2.3, 1.15
"""How far the average of replies to come may be from that of n kept ones: by 1 + UNSURE / sqrt(n), at least SUREST.

With 50 kept, the most is 1.33² · `ASKED_AGAIN` = 1.93 times the least.
"""

OUTPUT_TOKENS: Mapping[str, Span] = {"extractor": (40, 400), "judge": (40, 600), "listener": (30, 300)}
"""What agents write; the least and the most of plain replies."""

ANSWER_TOKENS: Span = (20, 4096)
"""From a terse model's mean answer (Qwen2-VL-72B, of the published table: 25) to one with its thoughts."""

_ANSWER = "The speaker frowns, the voice is low and slow, and the words speak of a loss. " * 12
_STEPS = "<step>" + " ".join(
    f"Step {n}: {'The voice is low and slow while the brows are drawn. ' * 2}" for n in range(1, 7)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What kept replies of a model show of those to come.

    Attributes:
        count: how many there are.
        tokens_in: of a prompt, on average.
        longer: tokens of their prompts, for each one that these were taken for at most.
        tokens_out: of a reply, on average.
    """

    count: int
    tokens_in: float
    longer: float
    tokens_out: float

    @property
    def factor(self) -> float:
        """How far the average of others may be from theirs, either way."""
        return max(SUREST, 1 + UNSURE / sqrt(self.count))

    def around(self, mean: float) -> Span:
        """The span around an average."""
        return mean / self.factor, mean * self.factor


def known_of(cache: Cache, identity: str, role: str) -> Known | None:
    """What the kept replies of the model of that identity show, in that role; None while there are few."""
    asked, prompts, ratios, sizes = key_of(identity), [], [], []
    for value in cache.values("reply"):
        kept = parse_object(value)
        sent, said, weighed = (count_of(kept.get(name)) for name in ("input_tokens", "output_tokens", "weighed"))
        if (kept.get("asked"), kept.get("role")) == (asked, role) and sent and said is not None and weighed:
            prompts.append(sent)
            ratios.append(sent / weighed)
            sizes.append(said)
    if len(sizes) < FEW_KEPT:
        return None
    return Known(count=len(sizes), tokens_in=fmean(prompts), longer=fmean(ratios), tokens_out=fmean(sizes))


@dataclass(slots=True)
class Expected:
    """What one role would be asked.

    Attributes:
        calls: requests; a fraction where few samples stand for many.
        kept: replies that are in the cache.
        tokens_in: of all calls together, at least and at most; so `tokens_audio`, which are among them, and
            `tokens_out`.
    """

    calls: float = 0.0
    kept: float = 0.0
    tokens_in: Span = (0.0, 0.0)
    tokens_audio: Span = (0.0, 0.0)
    tokens_out: Span = (0.0, 0.0)

    def add(self, tokens_in: Span, tokens_audio: Span, tokens_out: Span, weight: float) -> None:
        """Counts a call that stands for `weight` of them."""
        self.calls += weight
        self.tokens_in = _more(self.tokens_in, tokens_in, weight)
        self.tokens_audio = _more(self.tokens_audio, tokens_audio, weight)
        self.tokens_out = _more(self.tokens_out, tokens_out, weight)

    def cost(self, price: Price | None) -> Span | None:
        """USD, at least and at most; None where the price is not known."""
        ends = [self._cost(price, end) for end in (0, 1)] if price else []
        known = [cost for cost in ends if cost is not None]
        return (known[0], known[1]) if len(known) == 2 else None

    def _cost(self, price: Price, end: int) -> float | None:
        """By the average call: prices go by the length of each."""
        a_call = Usage(
            input_tokens=round(self.tokens_in[end] / self.calls),
            audio_tokens=round(self.tokens_audio[end] / self.calls),
            output_tokens=round(self.tokens_out[end] / self.calls),
        )
        cost = price.usd(a_call)
        return None if cost is None else cost * self.calls


def _more(sums: Span, call: Span, weight: float) -> Span:
    return sums[0] + weight * call[0], sums[1] + weight * ASKED_AGAIN * call[1]


@dataclass(slots=True)
class Rehearsal:
    """What is found out on the way, how often each sample is asked, how many the one under way stands for."""

    cache: Cache
    repeats: int = 1
    weight: float = 1.0
    roles: defaultdict[str, Expected] = field(default_factory=lambda: defaultdict(Expected))


class Understudy:
    """In place of a model: takes down what it is asked, and says something of a plausible length."""

    def __init__(self, model: Model, role: str, rehearsal: Rehearsal) -> None:
        """Looks what kept replies of the model show."""
        self._model, self._role, self._rehearsal = model, role, rehearsal
        self._known = known_of(rehearsal.cache, model.identity, role.partition(" ")[0])

    async def generate(self, prompt: Prompt) -> Answer:
        """A reply that keeps the flow going.

        Raises:
            ModelError: nothing comes after this one.
        """
        rehearsal, judges = self._rehearsal, self._role.startswith("judge")
        times = 2 * rehearsal.repeats - 1 if judges else rehearsal.repeats
        times = 1 if self._role.endswith("check") else times
        rehearsal.roles[self._role].add(*self._tokens(prompt), rehearsal.weight * times)
        if judges:
            raise ModelError("This is where the flow ends.")
        return Answer(text=f"<step>{_STEPS}</step>" if self._role == "extractor" else _ANSWER, model=self._model.name)

    def _tokens(self, prompt: Prompt) -> tuple[Span, Span, Span]:
        """Input tokens, those of sound among them, and output tokens of one call."""
        low, high = input_usage(prompt)
        sent, heard = ((getattr(low, name) or 0, getattr(high, name) or 0) for name in ("input_tokens", "audio_tokens"))
        if (known := self._known) is None:
            return sent, heard, self._output()
        # what extractor and judge are shown here are a stand-in's words
        shown = known.tokens_in if self._role.startswith(("extractor", "judge")) else known.longer * sent[1]
        return known.around(shown), heard, known.around(known.tokens_out)

    def _output(self) -> Span:
        parameters: Mapping[str, Any] = getattr(_terms(self._model), "parameters", {})
        most = min(ANSWER_TOKENS[1], most_output(parameters))
        return OUTPUT_TOKENS.get(self._role.partition(" ")[0], (min(ANSWER_TOKENS[0], most), most))


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
            clip = sample.clip
            is_known = clip is None or (reader.knows(clip, fps=fps, most=most) and reader.knows(clip))
            (known if is_known else others).append(sample)
    step = max(1.0, len(others) / REHEARSED)
    chosen = [others[int(step * place)] for place in range(min(REHEARSED, len(others)))]
    return [(1.0, known), (step, chosen)]


def lines_of(roles: Iterable[tuple[str, Model, Expected]]) -> list[tuple[str, ...]]:
    """A table: a row for each role, and the total."""
    head = ("Role", "Model", "Calls", "Kept", "Input tokens", "Output tokens", "USD")
    rows, costs = [], []
    for role, model, expected in roles:
        spent = expected.cost(getattr(_terms(model), "price", None)) if expected.calls else (0.0, 0.0)
        costs.append(spent)
        counts = (f"{expected.calls:.0f}", f"{expected.kept:.0f}", _tokens(expected.tokens_in))
        rows.append((role, model.name, *counts, _tokens(expected.tokens_out), _usd(spent)))
    known = [spent for spent in costs if spent is not None]
    total = (sum(low for low, _ in known), sum(high for _, high in known))
    told = _usd(total) if len(known) == len(costs) else f"{_usd(total)} and what is unknown"
    return [head, *rows, ("total", "", "", "", "", "", told)]


def ends_of(roles: Iterable[tuple[str, Model, Expected]]) -> list[str]:
    """Which of the models end soon, by the catalogue, a sentence each."""
    terms = {model.name: _terms(model) for _, model, _ in roles}
    ends = {name: (getattr(one, "ends", None), getattr(one, "successor", None)) for name, one in terms.items()}
    notices = (end_notice(name, day, successor) for name, (day, successor) in ends.items() if day)
    return [notice for notice in notices if notice]


def _terms(model: Model) -> object:
    """What says how a model is asked and what that costs: its endpoint, or itself."""
    return getattr(model, "endpoint", model)


def _tokens(span: Span) -> str:
    return " – ".join(f"{tokens / 1e6:.2f} M" if tokens >= 1e5 else f"{tokens:.0f}" for tokens in span)


def _usd(span: Span | None) -> str:
    return "unknown; --price tells" if span is None else f"{span[0]:.2f} – {span[1]:.2f}"
