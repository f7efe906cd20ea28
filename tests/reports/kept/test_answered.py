"""Who answered, in place of whom, and how answers ended."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import RunError
from reports.gate.gate import Gate
from reports.gate.merge import merge
from reports.kept.answered import answered_of, endings_in_words, endings_of, is_alike, substitutes_of, with_answered
from reports.kept.past import differences, read_past
from reports.kept.record import Record, Spent
from reports.tables.scores import doubts_of
from tests.reports.made_runs import kept, record


def identity(name: str, url: str = "http://a/v1", **parameters: object) -> str:
    return json.dumps({"urls": [url], "model": name, "parameters": parameters}, sort_keys=True)


def asked(role: str, *identities: str) -> dict[str, Any]:
    return {role: {"name": "x", "identity": "\n\n".join(identities)}}


def by(number: int, **roles: str | None) -> Record:
    spent = {
        role: Spent(model=name, requests=1, input_tokens=1, output_tokens=1, seconds=1.0, cost_usd=None)
        for role, name in roles.items()
    }
    return record(number, 1.0, usage=spent, answer="joy")


def told(names: Sequence[str | None], model: str = "gpt-4o") -> list[str]:
    records = [by(number, model=name) for number, name in enumerate(names)]
    return list(substitutes_of(asked("model", identity(model)), records, "model"))


def test_the_model_asked_for_and_its_snapshots_are_no_substitutes() -> None:
    assert told(["gpt-4o", "gpt-4o"]) == []
    assert told(["gpt-4o-2024-08-06", "gpt-4o"]) == []
    assert told([None, None]) == []
    assert told([]) == []


def test_another_model_is_told_with_how_often() -> None:
    assert told(["gpt-4o", "gpt-6-luna", None]) == ["gpt-6-luna has answered in place of gpt-4o, in 1 of 3 samples"]


def test_two_snapshots_of_one_name_are_two_models() -> None:
    assert told(["gpt-4o-2024-08-06", "gpt-4o-2024-11-20"]) == [
        "2 models have answered in one run: gpt-4o-2024-08-06, gpt-4o-2024-11-20"
    ]


def test_whoever_is_no_endpoint_s_is_asked_by_no_name() -> None:
    own = [by(1, model="one"), by(2, model="one")]
    assert list(substitutes_of(asked("model", "own/1"), own, "model")) == []
    assert list(substitutes_of({"model": {"identity": None}}, own, "model")) == []
    assert list(substitutes_of({}, [*own, by(3, model="other")], "model")) == [
        "2 models have answered in one run: one, other"
    ]


def test_each_seat_of_a_panel_is_looked_at() -> None:
    provenance = asked("judge", identity("a"), identity("b"))
    records = [by(1, judge="a + b-2026-01-01"), by(2, judge="a + c")]

    assert [dict(seat) for seat in answered_of(records, "judge")] == [{"a": 2}, {"b-2026-01-01": 1, "c": 1}]
    assert list(substitutes_of(provenance, records, "judge")) == ["c has judged in place of b, in 1 of 2 samples"]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        # who was asked: by name and parameters, wherever
        ((identity("a"), None), (identity("a", "http://b/v1"), None), True),
        ((identity("a"), None), (identity("b"), None), False),
        ((identity("a", temperature=0), None), (identity("a", temperature=1), None), False),
        ((identity("a"), None), (identity("a-2026-01-01"), None), True),
        # who answered, where that is known
        ((identity("a"), ["a-2026-01-01"]), (identity("a"), ["a-2026-02-02"]), False),
        ((identity("a"), ["c"]), (identity("b"), ["c"]), True),
        ((identity("a"), ["a"]), (identity("a"), ["c"]), False),
        ((identity("a"), ["a", "c"]), (identity("a"), ["a"]), False),
        ((identity("a"), ["unknown"]), (identity("a"), ["a-2026-01-01"]), True),
        # what is no endpoint's
        (("rules/2", ["rules"]), ("rules/3", ["rules"]), False),
        (("rules/3", ["rules"]), ("rules/3", ["rules"]), True),
        (("rules/3", ["rules"]), (identity("a"), ["a"]), False),
    ],
)
def test_runs_are_alike_by_who_judged(
    one: tuple[str, list[str] | None],
    other: tuple[str, list[str] | None],
    alike: bool,  # noqa: FBT001  parametrized
) -> None:
    def provenance(side: tuple[str, list[str] | None]) -> Mapping[str, Any]:
        found = asked("judge", side[0])
        return {"judge": found["judge"] | ({"answered": [side[1]]} if side[1] else {})}

    for this, that in ((one, other), (other, one)):
        assert is_alike(provenance(this), provenance(that), "judge") is alike
        assert ("judge" in differences(provenance(this), provenance(that))) is not alike


def test_older_runs_are_read_with_who_answered(tmp_path: Path) -> None:
    records = [by(1, model="m", judge="j-2026-01-01")]
    folder = kept(tmp_path / "run", records)
    report = json.loads((folder / "report.json").read_text())
    for name in ("substitutes", "endings"):
        del report[name]
    report["schema_version"] = 1
    for role in ("judge", "extractor"):
        del report["provenance"][role]["answered"]
    (folder / "report.json").write_text(json.dumps(report))
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    for line in lines:
        for name in ("thoughts", "ending", "refused"):
            del line[name]
        for spent in line["usage"].values():
            for name in ("cached_tokens", "audio_tokens", "thought_tokens", "left_out"):
                del spent[name]
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    past = read_past(folder)

    assert past.report.provenance["judge"]["answered"] == [["j-2026-01-01"]]
    assert (past.report.schema_version, past.report.endings) == (1, {})
    assert differences(past.report.provenance, with_answered({**past.report.provenance}, records)) == {}


def test_a_run_that_ignores_thoughts_compares_with_none_that_rates_them() -> None:
    def rated(how: Mapping[str, str]) -> Mapping[str, Any]:
        return {"settings": how}

    assert set(differences(rated({"thoughts": "ignored"}), rated({"thoughts": "rated"}))) == {"thoughts"}
    assert set(differences(rated({}), rated({"thoughts": "ignored"}))) == {"thoughts"}
    assert not differences(rated({}), rated({"thoughts": "rated"})), "as older versions did"


def test_a_substitute_takes_row_and_rank_and_the_gate_distrusts_it(tmp_path: Path) -> None:
    records = [by(number, model="gpt-6-luna") for number in range(40)]
    run = read_past(kept(tmp_path / "run", records, **asked("model", identity("gpt-4o"))))
    demanded = {"min": {"overall": {"recognition": 0.5}}}
    distrusted, _ = merge([run], Gate.model_validate(demanded))
    allowed, _ = merge([run], Gate.model_validate(demanded | {"allow_substitute": True}))

    assert run.report.substitutes == ("gpt-6-luna has answered in place of gpt-4o, in 40 of 40 samples",)
    assert run.report.published == {}
    assert run.report.incomparable
    assert doubts_of(run.report)[0].startswith("ANOTHER MODEL: gpt-6-luna has answered in place of gpt-4o")
    assert distrusted.gate
    assert distrusted.gate.word == "UNTRUSTED"
    assert any("--allow-substitute" in reason for reason in distrusted.gate.reasons)
    assert allowed.gate
    assert not any("gpt-6-luna" in reason for reason in allowed.gate.reasons)


def test_shards_that_others_judged_are_no_parts_of_one_run(tmp_path: Path) -> None:
    judged = asked("judge", identity("j"))
    one, two = (
        read_past(kept(tmp_path / name, [by(number, model="m", judge=name)], **judged))
        for number, name in enumerate(("j-2026-01-01", "j-2026-02-02"))
    )
    with pytest.raises(RunError, match=r"differ in judge \(j-2026-01-01 there, j-2026-02-02 here\)"):
        merge([one, two])


def test_every_answer_has_one_ending() -> None:
    records = [
        record(1, 1.0, answer="joy", ending="whole"),
        record(2, 1.0, answer="jo", ending="cut off"),
        record(3, 0.0, answer="No.", ending="whole", refused=True),
        record(4, 0.0, answer="joy"),
        record(5, None),
    ]
    endings = endings_of(records)

    assert endings == {"whole": 1, "cut off": 1, "refused": 1, "unknown": 1}
    assert endings_in_words(endings) == "1 whole, 1 cut off, 1 refused, 1 of unknown ending"
    assert endings_in_words({"whole": 6480}) == "6,480 whole"
    assert endings_in_words({"unknown": 3}) == "", "nothing is known, nothing is said"
