"""What is found of an endpoint, in sentences: what works, what does not, and what to do about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
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
NAMES: Mapping[Modality, str] = MappingProxyType({"video": "pictures", "audio": "sound"})
UNCOUNTED = "the server does not count tokens"
WIDTH = 120
"""Characters of a line, as wide as the README's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line.

    Attributes:
        name: what it is about.
        state: `missing` is what only some runs need, `problem` what stands in the way.
        text: how it is, and what to do.
        facts: the same for programs.
    """

    name: str
    state: State
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> Mapping[str, Any]:
        """As `--json` prints it."""
        return {"name": self.name, "state": self.state, "text": self.text, **self.facts}


def lines_of(findings: Sequence[Finding]) -> list[str]:
    """The findings as aligned lines; what servers say cannot move the cursor."""
    heads = as_text([(finding.name, finding.state) for finding in findings]) if findings else []
    return [line for head, finding in zip(heads, findings, strict=True) for line in _folded(f"{head}  ", finding.text)]


def _folded(head: str, text: str) -> Iterator[str]:
    """The text behind its head, going on below itself where a line is full."""
    words = "".join(sign if sign.isprintable() else " " for sign in text).split()
    line = head
    for word in words:
        if len(line) + len(word) > WIDTH and line.strip():
            yield line.rstrip()
            line = " " * len(head)
        line += f"{word} "
    yield line.rstrip()


def endpoint_findings(probed: Probed, endpoint: Endpoint, price: Price | None = None) -> tuple[Finding, ...]:
    """All that is to be said of an endpoint that was asked; `price` is that of the model's tokens."""
    if probed.listed.fault:
        return (Finding(name="reached", state="problem", text=probed.listed.fault),)
    milliseconds = 1000 * probed.listed.seconds
    found = [
        Finding(name="reached", state="ok", text=f"in {milliseconds:.0f} ms, connecting included"),
        _model(probed, named=bool(endpoint.model)),
        *_end(probed, endpoint),
        _text(probed),
    ]
    if len(probed.found) > 1:  # else what was said to the text would have been said to all
        found += [*(_medium(probed, kind) for kind in MEDIA), _modalities(probed)]
    return (*found, _spent(probed, price))


def _end(probed: Probed, endpoint: Endpoint) -> Iterator[Finding]:
    """That the model will not be there for long: by the server's own list, else by the catalogue."""
    ends = probed.listed.listing.end_of(probed.model) or endpoint.ends
    if ends is not None and (notice := end_notice(probed.model, ends, endpoint.successor)):
        yield Finding(name="ends", state="missing", text=notice, facts={"ends": str(ends)})


def _model(probed: Probed, *, named: bool) -> Finding:
    served, name, answers = probed.listed.served, probed.model, probed.usable("text")
    facts = {"served": None if served is None else list(served)}
    if not served:
        return Finding(name="model", state="ok", text=f"{name}; the server lists none", facts=facts)
    if not named:
        said = f"{name}, the first of {len(served)} that it lists; --model=openai:NAME asks for another"
        return Finding(name="model", state="ok", text=said, facts=facts)
    if probed.listed.serves(name):
        others = f", one of {len(served)} that it lists" if len(served) > 1 else ", the only one that it lists"
        return Finding(name="model", state="ok", text=name + others, facts=facts)
    said = f"{name} is not among the {len(served)} that it lists ({nearest(name, served)})"
    said += ", yet it answers" if answers else ""
    return Finding(name="model", state="ok" if answers else "problem", text=said, facts=facts)


def _text(probed: Probed) -> Finding:
    (outcome,) = probed.steps("text")
    if outcome.accepted:
        counted = f", {outcome.tokens_in} tokens" if outcome.tokens_in else f" ({UNCOUNTED})"
        return Finding(name="text", state="ok", text=f"accepted{counted}")
    needless = any(map(probed.usable, MEDIA))  # some models that hear want to hear
    return Finding(name="text", state="missing" if needless else "problem", text=_why(outcome))


def _medium(probed: Probed, kind: Kind) -> Finding:
    usable, facts = probed.usable(kind), {"reading": probed.reading(kind)}
    state: State = "ok" if usable else "problem" if kind in _needed(probed.takes) else "missing"
    return Finding(name=kind, state=state, text=_told(probed, kind), facts=facts)


def _needed(takes: frozenset[Modality]) -> set[Kind]:
    """What a run sends."""
    pictures: set[Kind] = {"whole clip"} if "clip" in takes else {"one picture", "ten pictures"}
    sound: set[Kind] = {"sound"}
    return (pictures if "video" in takes else set()) | (sound if "audio" in takes else set())


def _told(probed: Probed, kind: Kind) -> str:
    steps, largest = probed.steps(kind), probed.largest(kind)
    if not steps:
        return "not asked: no clip could be made here"
    match probed.reading(kind):
        case "ignored":
            return "accepted, but not read: it counts no more tokens than text alone"
        case "as one":
            return "accepted, but not all read: ten count no more tokens than one"
        case _ if largest is None:
            return _why(steps[0])
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
    return " (text alone is not, so its tokens tell nothing)"


def _limits(steps: Sequence[Outcome], largest: Outcome) -> Iterator[str]:
    """Where a ladder ends, and from where on more is not more to the server."""
    if largest.tokens_in:
        alike = next(step for step in steps if (step.tokens_in or 0) >= (largest.tokens_in or 0))
        if alike != largest:
            yield f"it counts no more than {alike.label}"
    if beyond := steps[steps.index(largest) + 1 :]:
        yield f"{beyond[0].label}: {'not read' if beyond[0].accepted else _why(beyond[0])}"


def _why(outcome: Outcome) -> str:
    if outcome.status is None:
        return f"no reply: {outcome.reason}"
    said = f"{outcome.status}: {outcome.reason}"
    if outcome.refused:
        return f"refused ({said})"
    return f"busy ({said}); ask again" if outcome.status in HEALING else f"failed there ({said}); its log says why"


def _modalities(probed: Probed) -> Finding:
    fits, facts = probed.fitting, {"fitting": list(probed.fitting)}
    lacking = [modality for modality in NAMES if modality in probed.takes and modality not in fits]
    if not fits:
        said = f"neither pictures nor sound can be sent{_way_on(probed)}"
        return Finding(name="modalities", state="problem", text=said, facts=facts)
    told = all(probed.reading(kind) == "read" for kind in MEDIA if kind != "picture size" and probed.usable(kind))
    said = f"--modalities={','.join(fits)} fits{'' if told else ', as far as the server tells'}"
    if lacking:
        what = " and ".join(NAMES[modality] for modality in lacking)
        said += f"; a run as asked for would send {what} too, which is lost or refused here{_way_on(probed)}"
    elif more := [NAMES[modality] for modality in fits if modality not in probed.takes]:
        said += f"; without it a run sends no {' and no '.join(more)}"
    return Finding(name="modalities", state="problem" if lacking else "ok", text=said, facts=facts)


def _way_on(probed: Probed) -> str:
    if "ten pictures" in _needed(probed.takes) and probed.usable("one picture") and not probed.usable("ten pictures"):
        return ": raise the server's limit on pictures or tokens, or send fewer with --frames=N"
    return ": choose another model or server" if not probed.fitting else ""


def _spent(probed: Probed, price: Price | None) -> Finding:
    outcomes = [outcome for taken in probed.found for outcome in taken.steps]
    said = f"{len(outcomes)} request{'' if len(outcomes) == 1 else 's'}"
    counts = [(outcome.tokens_in, outcome.tokens_out) for outcome in outcomes if outcome.accepted]
    tokens_in, tokens_out = (sum(count or 0 for count in column) for column in zip((0, 0), *counts, strict=True))
    if tokens_in:
        said += f", {tokens_in:,} tokens in and {tokens_out:,} out"
    paid = price.usd(Usage(input_tokens=tokens_in, output_tokens=tokens_out)) if price and tokens_in else None
    if paid is not None:
        said += f", {paid:.4f} USD"
    return Finding(name="spent", state="ok", text=said, facts={"requests": len(outcomes)})
