"""Estimates what a run would ask and cost, by a rehearsal in which no model is asked."""

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
"""How many samples stand for all whose clips have not been decoded yet."""

ASKED_AGAIN = 1.1
"""The most calls for each needed reply: replies that do not parse are asked for again."""

FEW_KEPT = 10
"""How many cached replies of a model are needed to predict its others."""

UNSURE, SUREST = 2.3, 1.15
"""The averages of n cached and of future replies differ at most by the factor 1 + UNSURE / sqrt(n), or by SUREST.

With 50 cached replies, the most is 1.33² · `ASKED_AGAIN` = 1.93 times the least.
"""

OUTPUT_TOKENS: Mapping[str, Span] = {"extractor": (40, 400), "judge": (40, 600), "listener": (30, 300)}
"""Tokens of an agent's reply, at least and at most."""

ANSWER_TOKENS: Span = (20, 4096)
"""Tokens of an answer: from short ones (25 on average by Qwen2-VL-72B, as published) to one with thoughts."""

_ANSWER = "The speaker frowns, the voice is low and slow, and the words speak of a loss. " * 12
_STEPS = "<step>" + " ".join(
    f"Step {n}: {'The voice is low and slow while the brows are drawn. ' * 2}" for n in range(1, 7)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Averages over the cached replies of a model, which predict its future ones.

    Attributes:
        count: the number of replies.
        tokens_in: tokens of a prompt.
        longer: tokens of a prompt, divided by the most that it was estimated to have.
        tokens_out: tokens of a reply.
    """

    count: int
    tokens_in: float
    longer: float
    tokens_out: float

    @property
    def factor(self) -> float:
        """The factor by which the average of other replies may be smaller or larger."""
        return max(SUREST, 1 + UNSURE / sqrt(self.count))

    def around(self, mean: float) -> Span:
        """The range of an average of other replies."""
        return mean / self.factor, mean * self.factor


def known_of(cache: Cache, identity: str, role: str) -> Known | None:
    """The averages over cached replies of the model of that identity in that role; None if there are too few."""
    asked, found = key_of(identity), []
    for value in cache.values("reply"):
        kept = parse_object(value)
        sent, received, weighed = (count_of(kept.get(name)) for name in ("input_tokens", "output_tokens", "weighed"))
        if (kept.get("asked"), kept.get("role")) == (asked, role) and sent and received is not None and weighed:
            found.append((sent, sent / weighed, received))
    if len(found) < FEW_KEPT:
        return None
    tokens_in, longer, tokens_out = map(fmean, zip(*found, strict=True))
    return Known(count=len(found), tokens_in=tokens_in, longer=longer, tokens_out=tokens_out)


@dataclass(slots=True)
class Expected:
    """What a model would be asked in one role; spans are the least and the most of all calls together.

    Attributes:
        calls: requests; not whole if few samples stand for many.
        kept: replies that are in the cache.
        tokens_in: input tokens.
        tokens_audio: input tokens of sound, which are part of `tokens_in`.
        tokens_out: output tokens.
    """

    calls: float = 0.0
    kept: float = 0.0
    tokens_in: Span = (0.0, 0.0)
    tokens_audio: Span = (0.0, 0.0)
    tokens_out: Span = (0.0, 0.0)

    def add(self, tokens_in: Span, tokens_audio: Span, tokens_out: Span, weight: float) -> None:
        """Adds a call that stands for `weight` calls."""
        self.calls += weight
        self.tokens_in = _more(self.tokens_in, tokens_in, weight)
        self.tokens_audio = _more(self.tokens_audio, tokens_audio, weight)
        self.tokens_out = _more(self.tokens_out, tokens_out, weight)

    def cost(self, price: Price | None) -> Span | None:
        """USD, at least and at most; None if the price is unknown."""
        low, high = (self._cost(price, end) if price else None for end in (0, 1))
        return None if low is None or high is None else (low, high)

    def _cost(self, price: Price, end: int) -> float | None:
        """USD by the average call, since prices depend on the length of each; `end` is 0 for the least, 1 the most."""
        sums = {"input_tokens": self.tokens_in, "audio_tokens": self.tokens_audio, "output_tokens": self.tokens_out}
        cost = price.usd(Usage(**{name: round(span[end] / self.calls) for name, span in sums.items()}))
        return None if cost is None else cost * self.calls


def _more(sums: Span, call: Span, weight: float) -> Span:
    return sums[0] + weight * call[0], sums[1] + weight * ASKED_AGAIN * call[1]


@dataclass(slots=True)
class Rehearsal:
    """The state of a rehearsal.

    Attributes:
        cache: of the run.
        repeats: how often each sample is answered and judged.
        weight: how many samples the current one stands for.
        said: what a judge that plays the user of the current sample replies; None if it is no dialogue.
        roles: what each role would be asked so far.
    """

    cache: Cache
    repeats: int = 1
    weight: float = 1.0
    said: str | None = None
    roles: defaultdict[str, Expected] = field(default_factory=lambda: defaultdict(Expected))


class StandIn:
    """Takes the place of a model: counts what it is asked, and replies with a text of plausible length."""

    def __init__(self, model: Model, role: str, rehearsal: Rehearsal) -> None:
        """Reads the cached replies of the model."""
        self._model, self._role, self._rehearsal = model, role, rehearsal
        self._known = known_of(rehearsal.cache, model.identity, role.partition(" ")[0])

    async def generate(self, prompt: Prompt) -> Answer:
        """A reply that later agents can work with.

        Raises:
            ModelError: the role is a judge, the last agent, and the sample no dialogue.
        """
        rehearsal, judges = self._rehearsal, self._role.startswith("judge")
        times = 2 * rehearsal.repeats - 1 if judges else rehearsal.repeats
        times = 1 if self._role.endswith("check") else times
        rehearsal.roles[self._role].add(*self._tokens(prompt), rehearsal.weight * times)
        if judges:
            if rehearsal.said is None:
                raise ModelError("The rehearsal ends here.")
            return Answer(text=rehearsal.said, model=self._model.name)
        return Answer(text=f"<step>{_STEPS}</step>" if self._role == "extractor" else _ANSWER, model=self._model.name)

    def _tokens(self, prompt: Prompt) -> tuple[Span, Span, Span]:
        """The input tokens, those of sound among them, and the output tokens of one call."""
        low, high = input_usage(prompt)
        sent, audio = ((getattr(low, name) or 0, getattr(high, name) or 0) for name in ("input_tokens", "audio_tokens"))
        if (known := self._known) is None:
            return sent, audio, self._output()
        # the prompts of extractor and judge contain made-up text here, so that their length says nothing
        shown = known.tokens_in if self._role.startswith(("extractor", "judge")) else known.longer * sent[1]
        return known.around(shown), audio, known.around(known.tokens_out)

    def _output(self) -> Span:
        parameters: Mapping[str, Any] = getattr(_terms(self._model), "parameters", {})
        most = min(ANSWER_TOKENS[1], most_output(parameters))
        return OUTPUT_TOKENS.get(self._role.partition(" ")[0], (min(ANSWER_TOKENS[0], most), most))


@dataclass(frozen=True, slots=True)
class CountingCache:
    """The cache of a rehearsal: cached replies are found and counted, nothing is added.

    The check of a judge finds none, since it asks anew.
    """

    role: str
    rehearsal: Rehearsal

    def get(self, key: str) -> bytes | None:
        """The reply of that key; None if there is none."""
        kept = None if self.role.endswith("check") else self.rehearsal.cache.get(key)
        if kept is not None:
            self.rehearsal.roles[self.role].kept += self.rehearsal.weight
        return kept

    async def keep(self, key: str, value: bytes) -> None:
        """Does nothing."""


def rehearsal_groups(
    samples: Sequence[Sample], reader: ClipReader, *, fps: float, most: int
) -> list[tuple[float, Sequence[Sample]]]:
    """The samples of the rehearsal in two groups, each with the number of samples that one of it stands for.

    Samples whose clips are decoded stand for themselves. Of the others a few, evenly spaced, stand for the rest.
    Samples whose clips cannot be read are left out: nothing would be asked about them.
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
    """The estimate as a table: a head, a row for each role, and the total."""
    head = ("Role", "Model", "Calls", "Kept", "Input tokens", "Output tokens", "USD")
    rows, costs = [], []
    for role, model, expected in roles:
        spent = expected.cost(getattr(_terms(model), "price", None)) if expected.calls else (0.0, 0.0)
        costs.append(spent)
        counts = (f"{expected.calls:.0f}", f"{expected.kept:.0f}", _tokens(expected.tokens_in))
        rows.append((role, model.name, *counts, _tokens(expected.tokens_out), _usd(spent)))
    known = [spent for spent in costs if spent is not None]
    total = (sum(low for low, _ in known), sum(high for _, high in known))
    stated = _usd(total) if len(known) == len(costs) else f"{_usd(total)} + unknown"
    return [head, *rows, ("total", "", "", "", "", "", stated)]


def assumed_in(samples: Iterable[Sample]) -> list[str]:
    """A sentence on the length of dialogues, if there are any: how soon they end is not known before."""
    turns = sorted({sample.task.turns for sample in samples if sample.task.turns})
    most = ", ".join(map(str, turns))
    said = f"Each dialogue is taken to last for all of its turns ({most} messages of the model); it may end sooner."
    return [said] if turns else []


def ends_of(roles: Iterable[tuple[str, Model, Expected]]) -> list[str]:
    """A sentence for each model that ends soon or has ended, by the catalogue."""
    terms = {model.name: _terms(model) for _, model, _ in roles}
    ends = {name: (getattr(one, "ends", None), getattr(one, "successor", None)) for name, one in terms.items()}
    notices = (end_notice(name, day, successor) for name, (day, successor) in ends.items() if day)
    return [notice for notice in notices if notice]


def _terms(model: Model) -> object:
    """What has a model's parameters and price: its endpoint, or itself."""
    return getattr(model, "endpoint", model)


def _tokens(span: Span) -> str:
    return " – ".join(f"{tokens / 1e6:.2f} M" if tokens >= 1e5 else f"{tokens:.0f}" for tokens in span)


def _usd(span: Span | None) -> str:
    return "unknown; set --price" if span is None else f"{span[0]:.2f} – {span[1]:.2f}"
