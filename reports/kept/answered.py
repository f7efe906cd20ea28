"""Who answered: the model that was asked for, or another in its place; and how answers ended."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmark.accounts.snapshots import is_same_model, one_for_each
from benchmark.errors import DataError
from benchmark.text import SEATS, parse_json
from evaluators.outcome import AGAIN
from reports.kept.record import Record

ROLES = ("model", "extractor", "judge")
UNKNOWN = "unknown"


def answered_of(records: Iterable[Record], role: str) -> tuple[Mapping[str, int], ...]:
    """In how many samples each model took a role, by name; for each seat of a panel, else for one."""
    seats: list[Counter[str]] = []
    for record in records:
        if (spent := record.usage.get(role)) is None:
            continue
        for place, name in enumerate((spent.model or UNKNOWN).split(SEATS)):
            seats += [Counter()] if place == len(seats) else []
            seats[place][name] += 1
        if (again := record.usage.get(f"{AGAIN} {role}")) is not None:
            for seat, name in zip(seats, (again.model or UNKNOWN).split(SEATS), strict=False):
                seat[name] += 1
    return tuple(seats)


def with_answered(provenance: Mapping[str, Any], records: Sequence[Record]) -> Mapping[str, Any]:
    """The provenance with who answered, `answered`, and what servers refused, `left_out`, beside what was asked."""
    found = {role: provenance.get(role) for role in ROLES}
    return {
        **provenance,
        **{
            role: {
                **told,
                "answered": [list(seat) for seat in answered_of(records, role)],
                "left_out": sorted({name for record in records for name in _left_out(record, role)}),
            }
            for role, told in found.items()
            if isinstance(told, Mapping)
        },
    }


def _left_out(record: Record, role: str) -> tuple[str, ...]:
    return record.usage[role].left_out if role in record.usage else ()


def asked_of(provenance: Mapping[str, Any], role: str) -> list[str | None]:
    """The names by which models were asked for in a role, a seat each; None for what is no endpoint's model."""
    return [_stated(identity).get("model") for identity in _identities(provenance, role)]


def settings_of(provenance: Mapping[str, Any], role: str) -> list[object]:
    """How a role's models were asked, whoever they are and wherever: their parameters; else all that is known."""
    refused = (provenance.get(role) or {}).get("left_out") or ()
    found = [_stated(identity).get("parameters", identity) for identity in _identities(provenance, role)]
    return [
        {name: value for name, value in one.items() if name not in refused} if isinstance(one, dict) else one
        for one in found
    ]


def _identities(provenance: Mapping[str, Any], role: str) -> list[str]:
    identity = (provenance.get(role) or {}).get("identity")
    return identity.split("\n\n") if isinstance(identity, str) else []


def _stated(identity: str) -> Mapping[str, Any]:
    """An endpoint's identity: URLs, the model's name, parameters; nothing for another's."""
    try:
        stated = parse_json(identity)
    except DataError:
        return {}
    return stated if isinstance(stated, dict) else {}


def is_alike(one: Mapping[str, Any], other: Mapping[str, Any], role: str) -> bool:
    """Whether two runs had the same models in a role, by who answered; where that is unknown, by who was asked."""
    names, others = _who(one, role), _who(other, role)
    if names is None or others is None:  # one is no endpoint's model
        return (one.get(role) or {}).get("identity") == (other.get(role) or {}).get("identity")
    if len(names) != len(others) or settings_of(one, role) != settings_of(other, role):
        return False
    return all(map(_same, names, others))


def _who(provenance: Mapping[str, Any], role: str) -> list[Sequence[str]] | None:
    asked = asked_of(provenance, role)
    if not asked or None in asked:
        return None
    answered = (provenance.get(role) or {}).get("answered") or []
    known = [one_for_each(name for name in seat if name != UNKNOWN) for seat in answered]
    if len(known) != len(asked):
        known = [()] * len(asked)
    return [seat or (name,) for seat, name in zip(known, filter(None, asked), strict=True)]


def _same(names: Sequence[str], others: Sequence[str]) -> bool:
    return len(names) == len(others) and all(
        any(is_same_model(name, other) or is_same_model(other, name) for other in others) for name in names
    )


def substitutes_of(provenance: Mapping[str, Any], records: Sequence[Record], role: str) -> Iterator[str]:
    """Who answered in place of whom was asked, and where two models did, a sentence each; none where all is well."""
    asked, verb = asked_of(provenance, role), {"model": "answered", "judge": "judged"}.get(role, "worked")
    for place, seat in enumerate(answered_of(records, role)):
        known = {name: count for name, count in seat.items() if name != UNKNOWN}
        name = asked[place] if place < len(asked) else None
        strange = {one: count for one, count in known.items() if name and not is_same_model(name, one)}
        for one, count in strange.items():
            yield f"{one} has {verb} in place of {name}, in {count} of {len(records)} samples"
        models = one_for_each(known)
        if len(models) > 1 and not strange:
            yield f"{len(models)} models have {verb} in one run: {', '.join(models)}"


def endings_of(records: Iterable[Record]) -> Mapping[str, int]:
    """How many answers came whole, were cut off, filtered or refused; each answer counts once."""
    counts: Counter[str] = Counter()
    for record in records:
        if record.answer is not None:
            counts["refused" if record.refused else record.ending or UNKNOWN] += 1
    return {name: counts[name] for name in ("whole", "cut off", "filtered", "refused", UNKNOWN) if counts[name]}


def endings_in_words(endings: Mapping[str, int]) -> str:
    """The counts in words; empty where nothing is known of any answer."""
    if not set(endings) - {UNKNOWN}:
        return ""
    words = {UNKNOWN: "of unknown ending"}
    return ", ".join(f"{count:,} {words.get(name, name)}" for name, count in endings.items())
