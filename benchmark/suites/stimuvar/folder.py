"""The tables of viewers' emotions: VCE, VideoEmotion-8 and YouTube/Flickr-EkmanSix.

    vce_dataset/test_labels.json   {"15": {"file": "videos/00015.mp4", "topK": ["Joy", "Amusement", "Awe (or Wonder)"],
                                           "emotions": {"Joy": 0.75, "Amusement": 0.5, …}}, …}
    ve8_01.json, yf6_01.json       {"database": {"name": {"subset": "validation", "annotations": {"label": "Joy"}}, …}}

VCE's labels are the three strongest emotions, the strongest first; without `topK`, they are taken from `emotions`. Of
the other tables, whose form is that of VAANet (github.com/maysonma/VAANet), clips of the subset `training` are not
asked. Clips lie anywhere below the folder. (VCE's layout follows its README, github.com/hendrycks/emodiversity. Neither
has been tried on the data. StimuVAR's own files of test clips were not to be had.)
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from benchmark.data.clip_finder import Wanted, find_clips, list_files
from benchmark.data.labelled import Corpus, DataFolder, Labelled, rows_of
from benchmark.data.rows import Gathered, Row, inner_place, mistakes, plain, stem
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.text import NOT_REGULAR, QUOTED, one_line, parse_json, read_text

VCE = (
    "Admiration", "Adoration", "Aesthetic Appreciation", "Amusement", "Anger", "Anxiety", "Awe", "Awkwardness",
    "Boredom", "Calmness", "Confusion", "Craving", "Disgust", "Empathic Pain", "Entrancement", "Excitement", "Fear",
    "Horror", "Interest", "Joy", "Nostalgia", "Relief", "Romance", "Sadness", "Satisfaction", "Sexual Desire",
    "Surprise",
)  # fmt: skip
"""The 27 emotions; the data spells Awe as `Awe (or Wonder)`."""
VE8 = ("Anger", "Anticipation", "Disgust", "Fear", "Joy", "Sadness", "Surprise", "Trust")
YF6 = ("Anger", "Disgust", "Fear", "Joy", "Sadness", "Surprise")

TOP = 3
"""How many true labels a clip of VCE has."""

_VCE = re.compile(r"(?:^|/)test_labels\.json$", re.IGNORECASE)
_SPLIT = re.compile(r"(?:^|/)(?:(ve-?8|videoemotion-?8)|yf-?6|yf-?e6|ekman-?6)[^/]*\.json$", re.IGNORECASE)


def spelt(label: str) -> str:
    """The label of `VCE` that a name of the data means; the name itself if it means none."""
    name = " ".join(re.sub(r"\(.*\)|_", " ", label).split()).casefold()
    return next((known for known in VCE if known.casefold() == name), label)


def _ranked(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The first three labels.

    Raises:
        ValueError: there are fewer, one is unknown, or one is named twice.
    """
    found = tuple(map(spelt, labels[:TOP]))
    if unknown := [label for label in found if label not in VCE]:
        raise ValueError(f"`{one_line(unknown[0], QUOTED)}` is not one of VCE's 27 emotions")
    if len(set(found)) < TOP:
        raise ValueError(f"must be {TOP} different emotions")
    return found


class Viewed(BaseModel):
    """A clip of VCE."""

    file: Annotated[str, Field(min_length=1), AfterValidator(inner_place)]
    top: Annotated[tuple[str, ...], Field(alias="topK"), AfterValidator(_ranked)]

    @model_validator(mode="before")
    @classmethod
    def _fill_top(cls, stated: object) -> object:
        """Takes the labels from the intensities if they are not given."""
        if not isinstance(stated, dict) or stated.get("topK") is not None:
            return stated
        felt = stated.get("emotions")
        if not isinstance(felt, dict) or not all(isinstance(one, int | float) for one in felt.values()):
            return stated
        return stated | {"topK": sorted(felt, key=lambda name: -felt[name])}


class Annotation(BaseModel):
    """The label of a clip of the other tables."""

    label: str


class Listed(BaseModel):
    """A clip of the other tables."""

    subset: str = ""
    annotations: Annotation


class Folder(DataFolder):
    """A folder of the suite's data."""

    def database(self, file: str, key: str = "") -> Iterator[tuple[str, object]]:
        """The clips of a table by name: its object, or the one under the key."""
        try:
            stated = parse_json(read_text(self.root / file))
        except DataError as error:
            self.problems.append(f"{file}: {error}")
            return
        found = stated.get(key) if key and isinstance(stated, dict) else stated
        if not isinstance(found, dict) or not found:
            what = f"must have an object `{key}` with" if key else "must be an object with"
            self.problems.append(f"{file}: {what} at least one clip")
            return
        yield from found.items()


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every test clip of the tables below the folder; None if there is no such table.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    folder = Folder(root, suite, list_files(root))
    tables = [file for file in sorted(folder.files) if folder.files[file] != NOT_REGULAR]
    vce, splits = ([file for file in tables if pattern.search(file)] for pattern in (_VCE, _SPLIT))
    if not vce and not splits:
        return None
    rows = [row for file in vce for row in _vce_rows(folder, file)]
    rows += [row for file in splits for row in _split_rows(folder, file)]
    return Gathered(rows=tuple(rows), problems=tuple(folder.problems))


def _vce_rows(folder: Folder, file: str) -> Iterator[Row]:
    """The valid clips of a table of VCE; what is wrong with the others is added to the problems."""
    task = folder.suite.tasks["VCE"]
    viewed: list[tuple[str, Viewed]] = []
    for name, stated in folder.database(file):
        try:
            viewed.append((name, Viewed.model_validate(stated)))
        except ValidationError as error:
            folder.problems.append(f"{file}: {one_line(name, QUOTED)}: {mistakes(error)}")
    home = file.rpartition("/")[0]
    wanted = [Wanted(task, one.file, f"{home}/{one.file}".lstrip("/")) for _, one in viewed]
    found = find_clips(folder.root, wanted, folder.files, folder.suite, folder.problems)
    for (_, one), clip in zip(viewed, found, strict=True):
        yield Row(
            place=file,
            task=task,
            video_id=one.file,
            label_set=VCE,
            targets=one.top,
            source=task.name,
            recording=plain(f"{task.name}/{stem(one.file)}"),
            clip=clip.path,
            flaw=clip.flaw,
        )


def _split_rows(folder: Folder, file: str) -> Iterator[Row]:
    """The valid test clips of a table in VAANet's form; what is wrong with the others is added to the problems."""
    is_ve8 = (match := _SPLIT.search(file)) is not None and match[1] is not None
    task, labels = (folder.suite.tasks["VE-8"], VE8) if is_ve8 else (folder.suite.tasks["YF-6"], YF6)
    known = {label.casefold(): label for label in labels}
    stated: list[Labelled] = []
    for name, value in folder.database(file, "database"):
        place = f"{file}: {one_line(name, QUOTED)}"
        try:
            listed = Listed.model_validate(value)
        except ValidationError as error:
            folder.problems.append(f"{place}: {mistakes(error)}")
            continue
        label = known.get(listed.annotations.label.strip().casefold())
        if label is None:
            said = one_line(listed.annotations.label, QUOTED)
            folder.problems.append(f"{place}: label `{said}` is not one of {', '.join(labels)}")
        elif listed.subset != "training":
            stated.append(Labelled(place, task, name, label))
    yield from rows_of(stated, Corpus(task.name, labels, folder.root, folder.files))
