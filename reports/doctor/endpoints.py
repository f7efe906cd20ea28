"""Findings about an endpoint: what works, what does not, and what to do about it."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

from benchmark.accounts.catalogue import end_notice
from benchmark.accounts.prices import Price
from benchmark.endpoint.failure import HEALING
from benchmark.endpoint.model import Endpoint
from benchmark.endpoint.presence import nearest
from benchmark.endpoint.probe import Kind, Outcome, Probed
from benchmark.prompt import Modality
from benchmark.usage import Usage
from reports.tables.table import as_text

State = Literal["ok", "missing", "problem"]

MEDIA: tuple[Kind, ...] = ("one picture", "ten pictures", "picture size", "whole clip", "sound")
NAMES: Mapping[Modality, str] = {"video": "pictures", "audio": "sound"}
UNCOUNTED = "the server does not count tokens"
WIDTH = 120
"""Characters of a printed line."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's output.

    Attributes:
        name: the subject.
        state: `missing` if only some runs need it, `problem` if it prevents a run.
        text: the result, and what to do.
        facts: the same for programs, by JSON key.
    """

    name: str
    state: State
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> Mapping[str, Any]:
        """The finding as `--json` prints it."""
        return {"name": self.name, "state": self.state, "text": self.text, **self.facts}


def lines_of(findings: Sequence[Finding]) -> list[str]:
    """The findings as aligned lines, without control characters."""
    heads = as_text([(finding.name, finding.state) for finding in findings])
    return [line for head, finding in zip(heads, findings, strict=True) for line in _folded(f"{head}  ", finding.text)]


def _folded(head: str, text: str) -> list[str]:
    """The text after its head, wrapped and indented to the head's width."""
    words = "".join(sign if sign.isprintable() else " " for sign in text)
    fold = textwrap.TextWrapper(WIDTH, head, " " * len(head), break_long_words=False, break_on_hyphens=False)
    return fold.wrap(words) or [head.rstrip()]


def endpoint_findings(probed: Probed, endpoint: Endpoint, price: Price | None = None) -> tuple[Finding, ...]:
    """The findings about an endpoint after its requests; `price`, of the model's tokens, gives what they cost."""
    if probed.fault:
        return (Finding("reached", "problem", probed.fault),)
    found = [
        Finding("reached", "ok", f"in {1000 * probed.seconds:.0f} ms, including the time to connect"),
        _model(probed, named=bool(endpoint.model)),
        *_end(probed, endpoint),
        _text(probed),
    ]
    if len(probed.found) > 1:  # else the reply to the text request holds for all others
        found += [*(_medium(probed, kind) for kind in MEDIA), _modalities(probed)]
    return (*found, _spent(probed, price))


def _end(probed: Probed, endpoint: Endpoint) -> Iterator[Finding]:
    """A notice if the provider ends the model soon, by the server's own list, else by the catalogue."""
    ends = probed.listing.end_of(probed.model) or endpoint.ends
    if ends is not None and (notice := end_notice(probed.model, ends, endpoint.successor)):
        yield Finding("ends", "missing", notice, {"ends": str(ends)})


def _model(probed: Probed, *, named: bool) -> Finding:
    """Whether the server lists the model; `named` if the user chose it."""
    served, name = probed.listing.names, probed.model
    facts = {"served": None if served is None else list(served)}
    if not served:
        return Finding("model", "ok", f"{name}; the server lists no models", facts)
    if not named:
        text = f"{name}, the first of {len(served)} that it lists; --model=openai:NAME selects another"
        return Finding("model", "ok", text, facts)
    if probed.listing.serves(name):
        others = f", one of {len(served)} that it lists" if len(served) > 1 else ", the only one that it lists"
        return Finding("model", "ok", name + others, facts)
    text = f"{name} is not among the {len(served)} that it lists ({nearest(name, served)})"
    if probed.usable("text"):
        return Finding("model", "ok", f"{text}, but it answers", facts)
    return Finding("model", "problem", text, facts)


def _text(probed: Probed) -> Finding:
    (outcome,) = probed.steps("text")
    if outcome.accepted:
        counted = f", {outcome.tokens_in} tokens" if outcome.tokens_in else f" ({UNCOUNTED})"
        return Finding("text", "ok", f"accepted{counted}")
    others = any(map(probed.usable, MEDIA))  # some models require sound
    return Finding("text", "missing" if others else "problem", _refusal(outcome))


def _medium(probed: Probed, kind: Kind) -> Finding:
    usable, facts = probed.usable(kind), {"reading": probed.reading(kind)}
    state: State = "ok" if usable else "problem" if kind in _needed(probed.takes) else "missing"
    return Finding(kind, state, _how_read(probed, kind), facts)


def _needed(takes: frozenset[Modality]) -> set[Kind]:
    """The kinds of requests that a run sends to a model that takes these modalities."""
    needed: set[Kind] = {"sound"} if "audio" in takes else set()
    if "video" in takes:
        needed |= {"whole clip"} if "clip" in takes else {"one picture", "ten pictures"}
    return needed


def _how_read(probed: Probed, kind: Kind) -> str:
    """What the server did with this kind of request: refused, ignored or read it, up to which size and token count."""
    steps, largest = probed.steps(kind), probed.largest(kind)
    if not steps:
        return "not tested: this machine could not encode a clip"
    match probed.reading(kind):
        case "ignored":
            return "accepted but ignored: the server counts no more tokens than for text alone"
        case "as one":
            return "accepted but not all read: the server counts no more tokens for ten than for one"
        case _ if largest is None:
            return _refusal(steps[0])
    how = f"accepted{_counted(probed, largest)}"
    if kind not in ("picture size", "sound"):
        return how
    return "; ".join([f"up to {largest.label}: {how}", *_limits(steps, largest)])


def _counted(probed: Probed, outcome: Outcome) -> str:
    extra = probed.beyond_text(outcome)
    if extra is not None:
        return f", {extra:,} tokens more than text alone"
    if outcome.tokens_in is None:
        return f" ({UNCOUNTED})"
    return " (text alone is not, so tokens cannot be compared)"


def _limits(steps: Sequence[Outcome], largest: Outcome) -> Iterator[str]:
    """The size that was refused or ignored, and the size above which the server counts no more tokens."""
    if largest.tokens_in:
        alike = next(step for step in steps if (step.tokens_in or 0) >= (largest.tokens_in or 0))
        if alike != largest:
            yield f"no more than for {alike.label}"
    if beyond := steps[steps.index(largest) + 1 :]:
        yield f"{beyond[0].label}: {'ignored' if beyond[0].accepted else _refusal(beyond[0])}"


def _refusal(outcome: Outcome) -> str:
    if outcome.status is None:
        return f"no reply: {outcome.reason}"
    reason = f"{outcome.status}: {outcome.reason}"
    if outcome.refused:
        return f"refused ({reason})"
    return f"busy ({reason}); try again" if outcome.status in HEALING else f"the server failed ({reason}); see its log"


def _modalities(probed: Probed) -> Finding:
    """Which --modalities work, and whether the run would send others."""
    fits, facts = probed.fitting, {"fitting": list(probed.fitting)}
    lacking = [modality for modality in NAMES if modality in probed.takes and modality not in fits]
    if not fits:
        return Finding("modalities", "problem", f"neither pictures nor sound can be sent{_remedy(probed)}", facts)
    counted = all(probed.reading(kind) == "read" for kind in MEDIA if kind != "picture size" and probed.usable(kind))
    named = ("clip" if one == "video" and "clip" in probed.takes else one for one in fits)
    text = f"--modalities={','.join(named)} works{'' if counted else ', as far as the server shows'}"
    if lacking:
        what = " and ".join(NAMES[modality] for modality in lacking)
        text += f"; a run with these options also sends {what}, which is ignored or refused{_remedy(probed)}"
    elif more := [NAMES[modality] for modality in fits if modality not in probed.takes]:
        text += f"; without it a run sends no {' and no '.join(more)}"
    return Finding("modalities", "problem" if lacking else "ok", text, facts)


def _remedy(probed: Probed) -> str:
    if "ten pictures" in _needed(probed.takes) and probed.usable("one picture") and not probed.usable("ten pictures"):
        return ": raise the server's limit on pictures or tokens, or send fewer with --frames=N"
    return ": choose another model or server" if not probed.fitting else ""


def _spent(probed: Probed, price: Price | None) -> Finding:
    """The requests, tokens and, if known, cost of the examination."""
    outcomes = [*chain.from_iterable(probed.found.values())]
    text = f"{len(outcomes)} request{'' if len(outcomes) == 1 else 's'}"
    tokens_in = sum(outcome.tokens_in or 0 for outcome in outcomes)
    tokens_out = sum(outcome.tokens_out or 0 for outcome in outcomes)
    if tokens_in:
        text += f", {tokens_in:,} tokens in and {tokens_out:,} out"
    paid = price.usd(Usage(input_tokens=tokens_in, output_tokens=tokens_out)) if price and tokens_in else None
    if paid is not None:
        text += f", {paid:.4f} USD"
    return Finding("spent", "ok", text, {"requests": len(outcomes)})
