"""The tables, clips and word maps of MER-UniBench and its kin."""

import shutil
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.dataset import Dataset, read_samples
from benchmark.errors import DataError
from benchmark.suite import find_suite
from benchmark.suites.mer_unibench.folder import words_of
from benchmark.suites.mer_unibench.spreadsheet import MOST_BYTES, read_sheet
from benchmark.suites.mer_unibench.wheels import read_wheels
from benchmark.task import Turn
from tests.tasks import clip_of

SUITE = find_suite("mer-unibench")
DEMO = SUITE.demo_data
assert DEMO is not None
WHEELS = DEMO.parent / "emotion_wheel"
SHARED = Path(__file__).parents[4] / "shared" / "reference" / "mer_unibench" / "emotion_wheel"
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def folder(root: Path, *, suite: str = "mer-unibench", **tables: str) -> Dataset:
    """The data in a folder with the demo's word maps and these tables, `A__B` in folder A."""
    if not (root / "emotion_wheel").exists():
        shutil.copytree(WHEELS, root / "emotion_wheel")
    for name, text in tables.items():
        path = root / f"{name.replace('__', '/')}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return read_samples(str(root), find_suite(suite))


def problems(root: Path, *, suite: str = "mer-unibench", **tables: str) -> list[str]:
    with pytest.raises(DataError) as failure:
        folder(root, suite=suite, **tables)
    return [line.strip() for line in str(failure.value).splitlines()[1:]]


def test_tables_belong_to_the_set_that_a_file_or_a_folder_is_named_after(tmp_path: Path) -> None:
    clip = tmp_path / "MELD" / "video" / "test_dia3_utt1.avi"
    clip.parent.mkdir(parents=True)
    clip.write_bytes(b"a clip")
    data = folder(
        tmp_path,
        MELD__test="name,emotion\ntest_dia3_utt1,anger\n",
        sims_v2="name,val\nvideo_1/0003,-0.4\n",
        ovmerdplus="name,openset\ns1,\"['Angry', 'deeply hurt', 'angry']\"\n",
    )
    sims, meld, plus = sorted(data.samples, key=lambda sample: sample.task.name)
    assert (meld.task.name, meld.targets, clip_of(meld).path) == ("MELD", ("anger",), clip)
    assert meld.recording == "MELD/test_dia3"
    assert (plus.task.name, plus.targets) == ("OV-MERD+", ("angry", "deeply hurt"))
    assert (sims.task.name, sims.targets) == ("CH-SIMS-v2", ("negative",))
    assert data.missing == {plus.id: "s1.mp4 is not there", sims.id: "video_1/0003.mp4 is not there"}
    assert {sample.resources for sample in data.samples} == {tmp_path / "emotion_wheel"}


def test_clips_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for name in ("video_1/0003", "video_2/0003"):
        (tmp_path / "SIMS" / f"{name}.mp4").parent.mkdir(parents=True)
        (tmp_path / "SIMS" / f"{name}.mp4").write_bytes(b"a clip")
    data = folder(tmp_path, SIMS__test="name,val\nvideo_2/0003,0\n0003,1\n")
    first, second = data.samples
    assert clip_of(first).path == tmp_path / "SIMS" / "video_2" / "0003.mp4"
    assert first.targets == ("neutral",)
    assert data.missing == {second.id: "0003.mp4 is there several times"}


def test_what_is_said_comes_from_the_table_or_the_transcription(tmp_path: Path) -> None:
    data = folder(
        tmp_path,
        **{
            "MER2023__test1": "name,emo,subtitle,clip\na,sad,I  know.,\nb,sad,,\n",
            "transcription-engchi-polish": 'name,chinese,english\na,x,No.\nb,x,"Well, yes."\n',
        },
    )
    assert [sample.turns for sample in data.samples] == [
        (Turn("user", 'What is said in the clip: "I know."'),),
        (Turn("user", 'What is said in the clip: "Well, yes."'),),
    ]
    assert all(sample.clip is None for sample in data.samples)


def test_all_that_is_wrong_is_said_at_once_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "IEMOCAP").mkdir(parents=True)
    (tmp_path / "IEMOCAP" / "label.npz").write_bytes(b"PK")
    found = problems(
        tmp_path,
        MER2023="name,emo\na,\nb,sad angry or so,3\n../c,sad\n,sad\n",
        MELD="clip;emotion\n",
        MOSI="name,val\na,high\nb,nan\nc,1,2\n",
        **{"OV-MERD+": "name,openset,clip\na,[],\nb,[sad],../../b.mp4\nc,[sad],\n"},
    )
    assert found == [
        "IEMOCAP/label.npz: contains Python objects, which can run code when they are read; convert it to a CSV file"
        " with the columns name and emo",
        "MELD.csv: must have the column name and one of emo, discrete, emotion, label, gold",
        "MER2023.csv: line 2: `emo` must have one word, got ``",
        "MER2023.csv: line 3: has more cells than there are columns",
        "MER2023.csv: line 4: `name` leaves the folder",
        "MER2023.csv: line 5: `name` is missing",
        "MOSI.csv: line 2: `val` must be a number, got `high`",
        "MOSI.csv: line 3: `val` must be a number, got `nan`",
        "MOSI.csv: line 4: has more cells than there are columns",
        "OV-MERD+.csv: line 2: `openset` must have words, got `[]`",
        "OV-MERD+.csv: line 3: `clip` leaves the folder",
        "OV-MERD+.csv: line 4: has neither a clip nor a subtitle",
    ]


def test_word_maps_are_read_from_below_the_folder_or_beside_it(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "MELD.csv").write_text("name,emo\na,sad\n")
    with pytest.raises(DataError, match="emotion_wheel: there must be one such folder"):
        read_samples(str(root), SUITE)
    shutil.copytree(WHEELS, tmp_path / "emotion_wheel")
    assert read_samples(str(root), SUITE).samples[0].resources == tmp_path / "emotion_wheel"
    for name in ("a", "b"):
        shutil.copytree(WHEELS, root / name / "emotion_wheel")
    with pytest.raises(DataError, match="with the authors' word maps: a/emotion_wheel, b/emotion_wheel; keep one"):
        read_samples(str(root), SUITE)


def test_malformed_word_maps_are_said_all_at_once(tmp_path: Path) -> None:
    home = tmp_path / "emotion_wheel"
    shutil.copytree(WHEELS, home)
    (home / "format.csv").write_text("name,format\nfear,fear\nfearless,fearless\n,x\n")
    (home / "synonym.csv").write_text("word_run1,synonym_run1\n,happy\n")
    (home / "wheel2.csv").unlink()
    (home / "wheel3.csv").write_text("level1,level2\na,b\n")
    (home / "wheel4.xlsx").write_bytes(b"PK no zip")
    found = problems(tmp_path, MELD="name,emo\na,sad\n")
    assert [line for line in found if line.startswith("emotion_wheel")] == [
        "emotion_wheel/format.csv: row 4: `name` is missing",
        "emotion_wheel/format.csv: is the corrected map of 2026: call it format_MER2026.csv, and add 2025's",
        "emotion_wheel/synonym.csv: row 2: `word_run1` is missing",
        "emotion_wheel/wheel2: is missing (.csv or .xlsx)",
        "emotion_wheel/wheel3.csv: lacks the column level3",
        "emotion_wheel/wheel4.xlsx: is not a valid .xlsx file (File is not a zip file)",
    ]


def test_the_map_of_2026_may_be_missing(tmp_path: Path) -> None:
    home = tmp_path / "emotion_wheel"
    shutil.copytree(WHEELS, home)
    (home / "format_MER2026.csv").unlink()
    assert list(read_wheels(home).forms) == ["2025"]


def test_words_of_the_demos_wheels() -> None:
    words = read_wheels(WHEELS)

    def places(word: str, forms: str = "2025", level: int = 1) -> list[str | None]:
        return [words.place(word, forms=forms, wheel=wheel, level=level) for wheel in range(5)]

    assert places("joy") == ["bright", "up", "toward", "light", "gain"]
    assert places("joy", level=2) == ["happy"] * 5
    assert places("cheerful", level=2) == ["excited", "happy", "happy", "happy", "happy"]
    assert places("disgust") == ["turned away", "against", None, "frost", None]
    assert places("fear") == ["bright", "up", "toward", "spark", "risk"]
    assert places("fear", "2026") == ["tense", "alarm", "away", "frost", "risk"]
    assert places("neutral") == places("") == [None] * 5


@pytest.mark.skipif(not SHARED.is_dir(), reason="the authors' word maps are not here")
def test_the_authors_maps_place_fear_as_they_do() -> None:
    words = read_wheels(SHARED)
    found = {
        forms: [words.place("fear", forms=forms, wheel=wheel, level=1) for wheel in range(5)]
        for forms in ("2025", "2026")
    }
    assert found["2025"] == ["scared", "happy", "joyful", "genius", "joyful"]
    assert found["2026"] == ["scared", "fearful", "scared", "fear", "scared"]
    assert len(words.meanings) == 1255
    assert len(set().union(*words.wheels)) == 253


def sheet(path: Path, rows: str, texts: str = "", kind: zipfile.ZipInfo | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>")
        if texts:
            archive.writestr("xl/sharedStrings.xml", f"<sst {MAIN}>{texts}</sst>")
    return path


def test_sheets_have_texts_numbers_runs_and_gaps(tmp_path: Path) -> None:
    rows = (
        '<row><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>'
        '<row><c r="B2"><v>7</v></c><c t="inlineStr"><is><t> x </t></is></c></row><row/>'
    )
    texts = "<si><t>one</t></si><si><r><t>t</t></r><r><t>wo</t></r><rPh><t>hint</t></rPh></si>"
    assert read_sheet(sheet(tmp_path / "a.xlsx", rows, texts)) == [["one", "", "two"], ["", "x", ""], ["", "", ""]]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("<row>", "is not a valid .xlsx file"),
        ("<!ENTITY a 'b'>", "declares types or entities"),
        (" " * (MOST_BYTES + 1), "has more than"),
        ('<row><c r="A1" t="s"><v>9</v></c></row>', "names the text 9, which it does not have"),
        ('<row><c r="A1" t="s"><v>x</v></c></row>', "is not a valid .xlsx file"),
        (f'<row><c r="ZZZ1"><v>1</v></c></row>{"<row/>" * 60}', "has more than 1,000,000 cells"),
    ],
)
def test_hostile_sheets_are_refused(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_sheet(sheet(tmp_path / "a.xlsx", rows))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[angry, deeply hurt]", ("angry", "deeply hurt")),
        ("['Sad', \"low\" , 'sad']", ("sad", "low")),
        ("[]", ()),
        ("", ()),
        ("nan", ()),
        ("joy; calm", ("joy", "calm")),
    ],
)
def test_lists_as_the_authors_write_them(text: str, words: tuple[str, ...]) -> None:
    assert words_of(text) == words


@given(st.lists(st.text("abc xyz-", min_size=1).filter(str.strip), max_size=8))
def test_lists_are_read_back(words: list[str]) -> None:
    expected = tuple(dict.fromkeys(" ".join(word.split()) for word in words))
    assert words_of(str(words)) == words_of(f"[{', '.join(words)}]") == expected


@given(st.text())
def test_any_cell_is_read(text: str) -> None:
    found = words_of(text)
    assert len(set(found)) == len(found)
    assert all(word == word.strip() and word for word in found)


@pytest.mark.parametrize("suite", ["ov-merd", "mer2025", "mer2024-ov"])
def test_a_suite_of_one_task_takes_any_table_with_its_columns(tmp_path: Path, suite: str) -> None:
    tables = {"labels": "name,openset\na,[sad]\n", "reasons": "name,english\na,He is sad.\n"}
    data = folder(tmp_path, suite=suite, **tables)
    assert [sample.targets for sample in data.samples] == [("sad",)]
    assert (data.samples[0].resources is None) == (suite == "mer2024-ov")


def test_ca_mer_has_three_subsets(tmp_path: Path) -> None:
    subsets = {"video-aligned": "name,openset\na,[sad]\n", "consistent__test": "name,openset\na,[sad]\n"}
    data = folder(tmp_path, suite="ca-mer", **subsets)
    assert {sample.task.name for sample in data.samples} == {"video-aligned", "consistent"}


@pytest.mark.parametrize("suite", ["mer-unibench", "ov-merd", "mer2025", "mer2024-ov", "ca-mer"])
def test_every_suite_has_a_demo_that_is_whole(suite: str) -> None:
    found = find_suite(suite)
    data = read_samples("demo", found)
    assert {sample.task.name for sample in data.samples} == set(found.tasks)
    assert not data.missing


def test_published_means_are_those_of_their_cells() -> None:
    for name, row in SUITE.read_published()["models"].items():
        cells = [row["tasks"][task]["score"] for task in SUITE.tasks]
        assert row["overall"]["score"] == pytest.approx(sum(cells) / 9, abs=6e-5), name
