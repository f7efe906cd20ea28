"""Which models answered, the ones asked for or others in their place, and how answers ended."""

from collections import Counter, defaultdict
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
    """The number of samples by the name of the model that took a role: a mapping for each seat of a panel, else one."""
    seats: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for record in records:
        for spent in filter(None, map(record.usage.get, (role, f"{AGAIN} {role}"))):
            for seat, name in enumerate((spent.model or UNKNOWN).split(SEATS)):
                seats[seat][name] += 1
    return tuple(seats.values())


def with_answered(provenance: Mapping[str, Any], records: Sequence[Record]) -> Mapping[str, Any]:
    """The provenance with, for each role, the models that answered (`answered`) and refused parameters (`left_out`)."""
    found = dict(provenance)
    for role in ROLES:
        if isinstance(agent := provenance.get(role), Mapping):
            spent = [record.usage[role] for record in records if role in record.usage]
            found[role] = {
                **agent,
                "answered": [list(seat) for seat in answered_of(records, role)],
                "left_out": sorted({name for part in spent for name in part.left_out}),
            }
    return found


def asked_of(provenance: Mapping[str, Any], role: str) -> list[str | None]:
    """The names of the models that were asked in a role, one for each seat; None for a model without an endpoint."""
    return [_stated(identity).get("model") for identity in _identities(provenance, role)]


def settings_of(provenance: Mapping[str, Any], role: str) -> list[object]:
    """For each seat of a role, the parameters of its requests; for a model without an endpoint, its identity."""
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
    """The URLs, model name and parameters in an endpoint's identity; empty for other identities."""
    try:
        stated = parse_json(identity)
    except DataError:
        return {}
    return stated if isinstance(stated, dict) else {}


def is_alike(one: Mapping[str, Any], other: Mapping[str, Any], role: str) -> bool:
    """Whether two runs had the same models in a role: those that answered or, if unknown, those that were asked."""
    names, others = _models(one, role), _models(other, role)
    if names is None or others is None:  # a model without an endpoint
        return (one.get(role) or {}).get("identity") == (other.get(role) or {}).get("identity")
    if len(names) != len(others) or settings_of(one, role) != settings_of(other, role):
        return False
    return all(map(_same, names, others))


def _models(provenance: Mapping[str, Any], role: str) -> list[Sequence[str]] | None:
    """For each seat, the models that answered or, if unknown, the one asked; None if one has no endpoint."""
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
    """A sentence for each model that answered in place of the one asked, and for a seat in which several did."""
    asked, verb = asked_of(provenance, role), {"model": "answered", "judge": "judged"}.get(role, "worked")
    for place, seat in enumerate(answered_of(records, role)):
        known = {name: count for name, count in seat.items() if name != UNKNOWN}
        name = asked[place] if place < len(asked) else None
        substitutes = {one: count for one, count in known.items() if name and not is_same_model(name, one)}
        for one, count in substitutes.items():
            yield f"{one} has {verb} in place of {name}, in {count} of {len(records)} samples"
        models = one_for_each(known)
        if len(models) > 1 and not substitutes:
            yield f"{len(models)} models have {verb} in one run: {', '.join(models)}"


def endings_of(records: Iterable[Record]) -> Mapping[str, int]:
    """The number of answers by ending: whole, cut off, filtered, refused or unknown; each answer counts once."""
    counts = Counter(
        "refused" if record.refused else record.ending or UNKNOWN for record in records if record.answer is not None
    )
    return {name: counts[name] for name in ("whole", "cut off", "filtered", "refused", UNKNOWN) if counts[name]}


def endings_in_words(endings: Mapping[str, int]) -> str:
    """The counts in words; empty if all endings are unknown."""
    if not set(endings) - {UNKNOWN}:
        return ""
    words = {UNKNOWN: "of unknown ending"}
    return ", ".join(f"{count:,} {words.get(name, name)}" for name, count in endings.items())
