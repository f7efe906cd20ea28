"""Run directories as strangers may hand them over: refused in a sentence, or read; not waited for and not believed."""

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmark.errors import DataError, RunError
from benchmark.models.answers import read_answers
from reports.cli import main
from reports.figures.report import report_of
from reports.kept.folder import RunFolder
from reports.kept.past import read_past
from reports.kept.reading import parse_line
from reports.kept.report import Background
from reports.tables.results import write_results
from tests.evaluators.metrics.test_sage import record as talk_record
from tests.evaluators.metrics.test_sage import talk_of
from tests.reports.made_runs import kept, record, repeated, run_of, samples_of

Line = dict[str, Any]
RUN = "0123456789abcdef" * 2


def changed(folder: Path, change: Callable[[Line], object], file: str = "samples.jsonl") -> None:
    """Lets something be done to the second record, or to the report."""
    at = 1 if file == "samples.jsonl" else 0
    lines = (folder / file).read_text("utf-8").split("\n")
    told = json.loads(lines[at])
    change(told)
    lines[at] = json.dumps(told)
    (folder / file).write_text("\n".join(lines), "utf-8")


def put(*path: str | int, value: object) -> Callable[[Line], None]:
    def change(told: Any) -> None:
        for name in path[:-1]:
            told = told[name]
        told[path[-1]] = value

    return change


def refused(folder: Path, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that reads it says so in one sentence, with an exit code of 2."""
    good = kept(folder.parent / "good", run_of(4, 4))
    commands = (
        ["show", str(folder)],
        ["compare", str(good), str(folder)],
        ["merge", str(folder), f"--run-dir={folder.parent / 'whole'}"],
        ["judge", "sheet", str(folder)],
    )
    for arguments in commands:
        assert main(arguments) == 2, arguments
        told = capsys.readouterr()
        assert said in told.err
        assert told.err.count("\n") == 1
        assert len(told.err) < 1000
        assert not told.out
    assert not (folder.parent / "whole").exists()


RECORDS: dict[str, tuple[Callable[[Line], object], str]] = {
    "above 1": (put("recognition", value=7.0), "recognition is 7.0, but its ratings give"),
    "not a number": (put("reasoning", value=float("nan")), "reasoning is nan, but its ratings give"),
    "infinite": (put("cot", value=float("-inf")), "cot is -inf, but its ratings give"),
    "failed for passed": (put("outcome", value="failed"), "its outcome is failed, which its ratings contradict"),
    "error with a score": (put("outcome", value="error"), "its outcome is error, but it has ratings or scores"),
    "no prediction": (put("prediction", value=None), "it has no rated prediction"),
    "no usage": (put("usage", value={}), "but it has no usage of the model"),
    "precision of one label": (put("precision", value=0.5), "precision is 0.5, but its ratings give None"),
    "rating over zero": (put("steps", 0, "rating", value="1/0"), "a rating is not a fraction from 0 to 1, such as 2/3"),
    "rating above 1": (put("steps", 0, "rating", value="5/1"), "a rating is not a fraction"),
    "rating below 0": (put("steps", 0, "rating", value="-1/1"), "a rating is not a fraction"),
    "rating of many digits": (put("steps", 0, "rating", value=f"1/{10**4000}"), "a rating is not a fraction"),
    "rating in words": (put("by_rules", value="yes"), "a rating is not a fraction"),
    "rating in other digits": (put("by_rules", value="١/١"), "a rating is not a fraction"),
    "vote": (put("steps", 0, "votes", value={"a": "x"}), "a rating is not a fraction"),
    "votes of one step": (put("steps", 0, "votes", value={"a": "1/1"}), "not rated by the same judges"),
    "unknown task": (put("task", value="ER-\x1b[31mX"), "task `ER- [31mX` must be one of ER-Lab"),
    "no label": (put("targets", value=[]), "it has no true label"),
    "id of two lines": (put("id", value="a\n::error::b"), "its id must be one line of 1 to 1,000 printable characters"),
    "endless id": (put("id", value="a" * 10**5), "its id must be one line of 1 to 1,000 printable characters"),
    "no id": (put("id", value=""), "its id must be one line of 1 to 1,000 printable characters"),
    "many labels": (put("label_set", value=["x"] * 10**6), "more than 100,000 labels"),
    "many steps": (
        put("steps", value=[{"text": "x", "rating": "0/1", "reason": None}] * 100_001),
        "steps: Tuple should have at most 100000 items",
    ),
    "negative tokens": (put("usage", "model", "input_tokens", value=-1), "input_tokens is not from 0 to 1e+15"),
    "endless tokens": (put("usage", "model", "output_tokens", value=10**400), "output_tokens is not from 0 to 1e+15"),
    "negative cost": (put("usage", "model", "cost_usd", value=-0.5), "cost_usd is not from 0 to 1e+15"),
    "cost of nan": (put("usage", "model", "cost_usd", value=float("nan")), "cost_usd is not from 0 to 1e+15"),
    "clip elsewhere": (put("clip", value="../../home/x.mp4"), "clip `../../home/x.mp4` leaves the data folder"),
    "clip from the root": (put("clip", value="/etc/passwd"), "clip `/etc/passwd` leaves the data folder"),
    "clip on a share": (put("clip", value="\\\\host\\x.mp4"), "leaves the data folder"),
    "clip with a zero byte": (put("clip", value="a\0b"), "leaves the data folder"),
    "frames elsewhere": (
        put("frames", value={"seconds": [0.0], "key": "../../x"}),
        "`../../x`, must be 64 hexadecimal digits",
    ),
    "frames when": (
        put("frames", value={"seconds": [float("inf")], "key": "0" * 64}),
        "is not a valid number of seconds",
    ),
    "waveform": (put("waveform", value={"peaks": "<svg>", "seconds": 1.0}), "its waveform is not valid"),
    "repeats": (
        put("repeats", value=asdict(repeated([0.0], [0.0]))),
        "its repeats must be equal numbers of answers and judgements",
    ),
    "repeats above 1": (
        put("repeats", value=asdict(repeated([0.0, 3.0], [0.0, 0.0]))),
        "a score of its repeats is not from 0 to 1",
    ),
    "dialogue": (put("talk", value=[{"speaker": "user", "text": "x"}]), "it has a dialogue, but SA has none"),
    "another field": (put("surprise", value=1), "`surprise` is not a score of SA"),
    "text for a number": (put("recognition", value={"a": 1}), "recognition: Extra inputs are not permitted"),
}


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_that_no_run_writes_is_refused_by_its_line(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, said = RECORDS[kind]
    folder = kept(tmp_path / "run", run_of(4, 4))
    changed(folder, change)
    with pytest.raises(RunError) as told:
        read_past(folder)
    assert said in str(told.value)
    assert str(told.value).startswith(f"{folder / 'samples.jsonl'}, line 2, is not a record")
    assert len(str(told.value)) < 500


YES: Line = {"speaker": "assistant", "text": "Yes.", "thoughts": None, "points": None, "notes": {}}


def longer(told: Line) -> None:
    """Lets the dialogue go on after its end."""
    told["talk"] += [YES, {**told["talk"][-1], "notes": {"Change": "+0"}}]


DIALOGUES: dict[str, tuple[Callable[[Line], object], str]] = {
    "other points": (put("talk", 2, "points", value=99), "its user has other points than its changes give, 30"),
    "endless points": (put("talk", 2, "points", value=10**400), "its user has other points than its changes give"),
    "no change": (put("talk", 2, "notes", value={}), "a message of its user has no change of points"),
    "no dialogue": (lambda told: told.pop("talk"), "its dialogue must begin with a user of 40 points"),
    "another score": (put("score", value=0.5), "score is 0.5, but its ratings give 0.0"),
    "another outcome": (put("outcome", value="passed"), "its outcome is passed, which its messages contradict"),
    "no turns": (lambda told: told["talk"].pop(1), "user and model must take turns, the model at most 10 times"),
    "a stranger": (put("talk", 1, "speaker", value="judge"), "talk.1.speaker: Input should be 'user', 'assistant'"),
    "going on": (longer, "its dialogue goes on after its end, or is not over"),
    "many messages": (put("talk", value=[YES] * 100_001), "talk: Tuple should have at most 100000 items"),
}


@pytest.mark.parametrize("kind", DIALOGUES)
def test_a_dialogue_that_no_run_writes_is_refused_by_its_line(kind: str, tmp_path: Path) -> None:
    change, said = DIALOGUES[kind]
    lost = talk_of(40, 30, 20, 10, 0, changes=[-10] * 4)
    folder = kept(tmp_path / "run", [talk_record(number, lost) for number in range(2)], suite="sage")
    changed(folder, put("floors", value={}), "report.json")
    assert read_past(folder).records["s/1"].talk == lost
    changed(folder, change)
    with pytest.raises(RunError) as told:
        read_past(folder)
    assert said in str(told.value)
    assert str(told.value).startswith(f"{folder / 'samples.jsonl'}, line 2, is not a record")


REPORTS: dict[str, tuple[Callable[[Line], object], str]] = {
    "schema 3": (put("schema_version", value=3), "`suites` are a part of schema 3, and of no other"),
    "schema 4": (put("schema_version", value=4), "schema_version: Input should be 1, 2 or 3"),
    "schema in words": (put("schema_version", value="2"), "schema_version: Input should be 1, 2 or 3"),
    "schema true": (put("schema_version", value=True), "schema_version: Input should be 1, 2 or 3"),
    "a sample more": (put("overall", "samples", value=9), "overall: samples is 9, but the records give 8"),
    "all scored": (put("overall", "scored", value=9), "overall: scored is 9, but the records give 8"),
    "better overall": (
        put("overall", "recognition", value=0.9),
        "overall: recognition is 0.9, but the records give 0.5",
    ),
    "better task": (put("tasks", "SA", "cot", value=0.9), "SA: cot is 0.9, but the records give 0.5"),
    "score above 1": (put("overall", "cot", value=1.5), "overall: cot is not from 0 to 1"),
    "no score": (put("overall", "cot", value=None), "overall: cot is None, but the records give 0.5"),
    "another task": (
        lambda told: told["tasks"].update(IR=told["tasks"]["SA"]),
        "IR: samples is 8, but the records give 0",
    ),
    "a task less": (put("tasks", value={}), "it has no scores of SA, but there are 8 records of it"),
    "fewer selected": (put("selected", value=7), "selected is 7, but there are 8 records"),
    "endlessly selected": (put("selected", value=10**400), "has a number beyond 1e+15"),
    "floor": (put("floors", "SA", value=2.0), "floors: SA is not from 0 to 1"),
    "floor of nothing": (put("floors", "x", value=0.5), "`x` must be one of ER-Lab"),
    "infinite floor": (put("floors", "SA", value=float("inf")), "floors.SA: Input should be a valid number"),
    "published": (put("published", value={"SA": -1}), "published: SA is not from 0 to 1"),
    "seconds": (put("seconds", value=-1), "retries and seconds must be from 0 to 1e+15"),
    "spent": (put("usage", "model", "cost_usd", value=-1), "usage of model: cost_usd is not from 0 to"),
    "no macro": (put("macro", value={}), "macro or overall.bounds lacks recognition"),
    "no bounds": (put("overall", "bounds", value={}), "macro or overall.bounds lacks recognition"),
    "shard": (put("provenance", "settings", "shard", value="1/0"), "provenance.settings.shard: "),
    "shard beyond": (put("provenance", "settings", "shard", value="3/2"), "must be a shard such as 1/4"),
    "tasks": (put("provenance", "settings", "tasks", value=["x"]), "`x` must be one of ER-Lab, "),
    "samples": (put("provenance", "data", "samples", value={"SA": -5}), "provenance.data.samples.SA: "),
    "judge": (put("provenance", "judge", value="j"), "provenance.judge: "),
    "versions": (put("provenance", "versions", value=[1]), "provenance.versions: "),
    "depth": (put("provenance", "x", value=json.loads("[" * 900 + "]" * 900)), "more than 32 deep"),
}


@pytest.mark.parametrize("kind", REPORTS)
def test_a_report_that_contradicts_its_records_or_itself_is_refused(kind: str, tmp_path: Path) -> None:
    change, said = REPORTS[kind]
    folder = kept(tmp_path / "run", run_of(4, 4))
    changed(folder, change, "report.json")
    with pytest.raises(RunError) as told:
        read_past(folder)
    assert said in str(told.value)
    assert str(folder / "report.json") in str(told.value) or "report.json" in str(told.value)
    assert len(str(told.value)) < 500


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (os.mkfifo, "cannot be read (it is a pipe)"),
    "folder": (Path.mkdir, "cannot be read (it is a folder)"),
    "endless": (lambda file: file.symlink_to("/dev/zero"), "cannot be read (it is a link: put the file itself there)"),
    "link": (lambda file: file.symlink_to("/etc/hostname"), "cannot be read (it is a link"),
    "compressed": (lambda file: file.write_bytes(gzip.compress(b"{}")), "is compressed (gzip): unpack it first"),
    "no UTF-8": (lambda file: file.write_bytes(b'{"\xff": 1}'), "cannot be read (it is not UTF-8)"),
    "UTF-16": (lambda file: file.write_bytes("{}".encode("utf-16")), "cannot be read (it is not UTF-8)"),
    "depth": (lambda file: file.write_text("[" * 100_000), "is no"),
    "zero bytes": (lambda file: file.write_bytes(bytes(1000)), "is no"),
    "half a character": (lambda file: file.write_text(r'{"id": "\ud800"}'), "is no"),
    "cut off": (lambda file: file.write_text('{"id": "a'), "is no"),
    "another thing": (lambda file: file.write_text("[]"), "is no"),
    "many digits": (lambda file: file.write_text('{"id": ' + "9" * 5000), "is no"),
}


@pytest.mark.parametrize("file", ["report.json", "samples.jsonl"])
@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_none_is_refused(
    kind: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, said = FILES[kind]
    folder = kept(tmp_path / "run", run_of(4, 4))
    (folder / file).unlink()
    make(folder / file)
    refused(folder, said, capsys)


def test_a_sample_that_stands_there_twice_is_refused_by_both_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = run_of(4, 4)
    folder = kept(tmp_path / "run", records)
    with (folder / "samples.jsonl").open("a") as lines:
        lines.write(records[1].model_dump_json() + "\n")
    refused(folder, "samples.jsonl, line 9: SA/own/1 is already in line 2.", capsys)


def test_records_that_one_run_cannot_have_are_refused(tmp_path: Path) -> None:
    twice, thrice = (repeated([1.0] * count, [1.0] * count) for count in (2, 3))
    folder = kept(tmp_path, [record(1, 1.0, repeats=twice), record(2, 1.0)])
    changed(folder, put("repeats", value=asdict(thrice)))
    with pytest.raises(RunError, match=r"records of more than one run: they were repeated 2 and 3 times"):
        read_past(folder)


def test_figures_that_records_tell_are_computed_and_not_believed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kept(tmp_path / "run", run_of(4, 4))
    assert main(["show", str(folder)]) == 0
    honest = capsys.readouterr().out
    for path, value in (
        (("overall", "intervals", "recognition"), [0.49, 0.51]),
        (("macro", "recognition"), 0.99),
        (("usage", "total", "cost_usd"), 0.0),
        (("endings",), {"whole": 9}),
    ):
        changed(folder, put(*path, value=value), "report.json")
    assert main(["show", str(folder)]) == 0
    assert capsys.readouterr().out == honest


def written(folder: Path, count: int = 4) -> RunFolder:
    """A run as the suite writes it."""
    run = RunFolder(folder)
    records = run_of(count // 2, count // 2)
    for one in records:
        run.append(one.model_dump_json())
    provenance = json.loads((kept(folder.parent / "x", records) / "report.json").read_text())["provenance"]
    background = Background(model="m", provenance=provenance, incomparable=(), selected=count, floors={}, published={})
    write_results(run, report_of(records, background), records)
    run.close()
    return run


def test_what_two_runs_have_left_in_one_folder_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = written(tmp_path / "one"), written(tmp_path / "other")
    assert one.run != other.run
    assert read_past(one.path).records == read_past(other.path).records, "records do not know their run"
    (one.path / "report.json").write_bytes((other.path / "report.json").read_bytes())
    refused(
        one.path, "samples.jsonl, line 1, is of another run than report.json beside it; use both files of one", capsys
    )


@pytest.mark.parametrize("file", ["report.json", "samples.jsonl"])
def test_a_run_of_an_older_version_bears_no_id_in_either_file(tmp_path: Path, file: str) -> None:
    old, new = kept(tmp_path / "old", run_of(2, 2)), written(tmp_path / "new").path
    assert len(read_past(old).records) == len(read_past(new).records) == 4
    (new / file).write_bytes((old / file).read_bytes())
    with pytest.raises(RunError, match="is of another run than"):
        read_past(new)


def test_lines_that_another_program_has_written_anew_are_of_their_run_still(tmp_path: Path) -> None:
    run = written(tmp_path / "run")
    before = read_past(run.path).records
    lines = [json.loads(line) for line in (run.path / "samples.jsonl").read_text().splitlines()]
    assert {line["run"] for line in lines} == {run.run}
    shuffled = [json.dumps(dict(sorted(line.items(), reverse=True)), indent=None) for line in lines]
    (run.path / "samples.jsonl").write_text("\ufeff" + "\r\n".join(shuffled) + "\r\n\r\n")
    assert read_past(run.path).records == before


def test_a_folder_merged_from_runs_is_a_run_of_its_own(tmp_path: Path) -> None:
    run = written(tmp_path / "run")
    assert main(["merge", str(run.path), f"--run-dir={tmp_path / 'whole'}"]) == 0
    whole = json.loads((tmp_path / "whole" / "report.json").read_text())["run"]
    assert whole != run.run
    assert read_past(tmp_path / "whole").records == read_past(run.path).records


JSON = st.recursive(
    st.none() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("run"), inner),
    max_leaves=5,
)


@given(st.binary(max_size=60) | JSON.map(lambda told: json.dumps(told).encode()))
def test_whatever_a_line_holds_it_is_refused_where_it_is_no_record(line: bytes) -> None:
    with pytest.raises((ValidationError, DataError, UnicodeDecodeError)):
        parse_line(line)


NAMED: dict[str, Callable[[Path, Path], list[str]]] = {
    "SA.json": lambda file, run: ["rescore", str(file)],
    "ratings.csv": lambda file, run: ["judge", "agree", str(file), "--run-dir", str(run)],
    "gate.toml": lambda file, run: ["merge", str(run), "--gate", str(file), f"--run-dir={run.parent / 'whole'}"],
}
STRANGE = ("pipe", "folder", "compressed", "no UTF-8", "UTF-16", "depth", "zero bytes", "many digits")


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("name", NAMED)
def test_a_file_that_a_command_names_is_refused_likewise(
    name: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FILES[kind][0](tmp_path / name)
    assert main(NAMED[name](tmp_path / name, kept(tmp_path / "run", run_of(2, 2)))) == 2
    told = capsys.readouterr()
    assert str(tmp_path / name) in told.err
    assert (told.err.count("\n"), told.out) == (1, "")
    assert not (tmp_path / "whole").exists()


@pytest.mark.parametrize("kind", [*STRANGE, "half a character", "cut off"])
def test_answers_are_refused_likewise(kind: str, tmp_path: Path) -> None:
    FILES[kind][0](tmp_path / "answers.json")
    with pytest.raises(RunError, match=r"^answers:[^\n]*$"):
        read_answers(str(tmp_path / "answers.json"), samples_of(run_of(2, 2)))


def test_a_page_behind_a_link_is_not_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept(tmp_path / "run", run_of(2, 2))
    (tmp_path / "elsewhere").mkdir()
    for name in ("report.html", "report"):
        (folder / name).symlink_to(tmp_path / "elsewhere")
        assert main(["view", str(folder)]) == 2
        assert f"{folder / name} is a symbolic link and may point outside the run" in capsys.readouterr().err
        (folder / name).unlink()
    assert not list((tmp_path / "elsewhere").iterdir())
