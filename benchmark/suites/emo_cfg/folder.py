r"""The test files of Emo-CFG, one for each task, and one for all open questions on attributes.

jsons/test/emotion/sampled/DFEW_Single-Label-Emotion-Recognition.json
    [{"messages": [{"role": "user", "content": "<video>Which emotion is it? (A) Angry (B) Happy"},
                   {"role": "assistant", "content": "(B) Happy"}], "videos": ["videos/Dfew/12.mp4"]}, …]
jsons/test/qa/sampled/QA_test_sampling_all.json     the same with "source": "QA_Eyes"

The model is sent the suite's own question and then the authors' words of the user's file. Where these list options,
`(A) …`, the options are the labels. A file that is there both in `full` and in `sampled` is read from `sampled`, as the
authors' scripts do; files in `train` are not read. Clips lie anywhere below the folder. (The layout follows the README
and the scripts of github.com/KlingTeam/VidEmo. It has not been tried on the data, which is given out for a signature.)
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from benchmark.data.clip_finder import Found, Wanted, find_clips, list_files
from benchmark.data.labelled import DataFolder
from benchmark.data.rows import (
    Gathered,
    Row,
    Word,
    inner_place,
    mistakes,
    placed_list,
    plain,
    slashed,
    source_name,
    stem,
)
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.suites.emobench_m.folder import MEDIUM, recording_of
from benchmark.task import Task, Turn
from benchmark.text import NOT_REGULAR, QUOTED, one_line

FILES: Mapping[str, str] = {
    "celebv-hq-appearance-recognition": "CelebV-HQ-appearance",
    "celebv-text-appearance-caption": "CelebV-Text-appearance",
    "celebv-hq-action-recognition": "CelebV-HQ-action",
    "celebv-text-action-caption": "CelebV-Text-action",
    "mead-id": "MEAD-identity",
    "mead-head-pose": "MEAD-pose",
    "dfew-single-label-emotion-recognition": "DFEW-single",
    "mafw-single-label-emotion-recognition": "MAFW-single",
    "mer2023-single-label-emotion-recognition": "MER2023-single",
    "mafw-multiple-label-emotion-recognition": "MAFW-multiple",
    "mead-fine-grained-emotion-recognition": "MEAD-fine",
    "ravdess-fine-grained-emotion-recognition": "RAVDESS-fine",
    "mosei-single-label-sentiment-recognition": "MOSEI-sentiment",
    "mosi-single-label-sentiment-recognition": "MOSI-sentiment",
    "chsimiv1-fine-grained-sentiment-recognition": "CH-SIMS-fine",
    "cas-single-label-micro-expression-recognition": "CAS-micro",
    "affwild2-action-unit-detection": "AffWild2-units",
    "celebv-text-emotion-caption": "CelebV-Text-emotion",
    "perr-single-label-conversational-emotion-recognition": "PERR-dialogue",
    "meld-single-label-conversational-emotion-recognition-new": "MELD-dialogue",
    "caption-test-sampling-v2-all-example": "caption",
    "qa-test-sampling-all": "",
}
"""The task of a file, by its name in lower case with hyphens; "" for open questions, each of which names its own."""

NOTHING = "none of these"
UNITS = tuple(f"AU{number}" for number in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26))
APPEARANCES = (
    "blurry", "male", "young", "chubby", "pale skin", "rosy cheeks", "oval face", "receding hairline", "bald", "bangs",
    "black hair", "blonde hair", "gray hair", "brown hair", "straight hair", "wavy hair", "long hair",
    "arched eyebrows", "bushy eyebrows", "bags under eyes", "eyeglasses", "sunglasses", "narrow eyes", "big nose",
    "pointy nose", "high cheekbones", "big lips", "double chin", "no beard", "5 o clock shadow", "goatee", "mustache",
    "sideburns", "heavy makeup", "wearing earrings", "wearing hat", "wearing lipstick", "wearing necklace",
    "wearing necktie", "wearing mask",
)  # fmt: skip
ACTIONS = (
    "blow", "chew", "close eyes", "cough", "cry", "drink", "eat", "frown", "gaze", "glare", "head wagging", "kiss",
    "laugh", "listen to music", "look around", "make a face", "nod", "play instrument", "read", "shake head", "shout",
    "sigh", "sing", "sleep", "smile", "smoke", "sneer", "sneeze", "sniff", "talk", "turn", "weep", "whisper", "wink",
    "yawn",
)  # fmt: skip
SETS: Mapping[str, tuple[str, ...]] = {
    "CelebV-HQ-appearance": (*APPEARANCES, NOTHING),
    "CelebV-HQ-action": (*ACTIONS, NOTHING),
    "AffWild2-units": (*UNITS, NOTHING),
}
"""The labels of tasks whose questions list no options, as in the authors' `eval/config.py`, and that none is true."""

_OPTION = re.compile(r"\(([A-Z])\)")
_OPTION_ENDS = re.compile(r"[\n.?!;]")
_LETTERS = re.compile(r"\(?([A-Z])\)?(?:[\s,;]*\(?([A-Z])\)?)*")
_NONE = ("none", "")


def _place(path: str) -> str:
    """The path from the folder `videos` on if it has one, else as `inner_place`."""
    _, marked, rest = f"/{slashed(path)}".rpartition("/videos/")
    return inner_place(f"videos/{rest}" if marked else path)


class Message(BaseModel):
    """A message of a row."""

    role: Literal["system", "user", "assistant"]
    content: Word


class Stated(BaseModel):
    """A row of a file."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    messages: Annotated[tuple[Message, ...], Field(min_length=2)]
    videos: Annotated[
        tuple[Annotated[str, Field(min_length=1), AfterValidator(_place)], ...], Field(min_length=1, max_length=1)
    ]
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A valid row.

    Attributes:
        place: its file and number, for messages.
        number: its number in the file, from 1.
        task: its task.
        row: the row itself.
        labels: the candidate labels; empty if any answer may be given.
        targets: the true ones, or the reference.
    """

    place: str
    number: int
    task: Task
    row: Stated
    labels: tuple[str, ...]
    targets: tuple[str, ...]

    @property
    def video(self) -> str:
        """The clip's path."""
        return self.row.videos[0]


def options_in(text: str) -> tuple[str, ...]:
    """The options that a question lists, `(A) Angry (B) Happy`, in order; empty if it lists none, or not from A on."""
    _, *parts = _OPTION.split(text)
    names = tuple(" ".join(_OPTION_ENDS.split(part.strip(), maxsplit=1)[0].split()).strip(" ,") for part in parts[1::2])
    lettered = "".join(parts[::2])
    whole = len(names) > 1 and lettered == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(names)]
    return names if whole and all(names) and len({*names}) == len(names) else ()


def chosen(said: str, labels: Sequence[str]) -> tuple[str, ...]:
    """The labels that a true answer names, by name or by letter; empty if any part of it is none of them.

    `ABK`, `(A), (K)`, `(B) Happy`, `pale_skin,young` and `none` are known forms.
    """
    known = {label.casefold(): label for label in labels}
    if (text := " ".join(said.replace("_", " ").split()).strip(" .").casefold()) in known:
        return (known[text],)
    if text in _NONE:
        return (NOTHING,) if NOTHING in labels else ()
    if NOTHING not in labels and _LETTERS.fullmatch(said.strip(" .")):
        places = [ord(letter) - ord("A") for letter in re.findall("[A-Z]", said)]
        return tuple(labels[place] for place in places) if max(places) < len(labels) else ()
    parts = [re.sub(r"^\([a-z]\)", "", part.strip()).strip() for part in re.split(r"[,;]", text)]
    return tuple(known[part] for part in parts) if all(part in known for part in parts) else ()


class Folder(DataFolder):
    """A folder of the suite's data."""

    def asked(self, file: str) -> Iterator[Asked]:
        """The valid rows of a file; what is wrong with the others is added to the problems."""
        try:
            placed = list(placed_list(self.root / file))
        except DataError as error:
            self.problems.append(f"{file}: {error}")
            return
        for number, (place, value) in enumerate(placed, 1):
            try:
                yield self._asked(f"{file}: {place}", number, Stated.model_validate(value))
            except (ValidationError, DataError) as error:
                self.problems.append(f"{file}: {place}: {mistakes(error)}")

    def _asked(self, place: str, number: int, row: Stated) -> Asked:
        if [message.role for message in row.messages[-2:]] != ["user", "assistant"]:
            raise DataError("`messages` must end with one from user and one from assistant")
        task = self._task(place.partition(": ")[0], row)
        said = row.messages[-1].content
        labels = SETS.get(task.name) or options_in(row.messages[-2].content)
        targets = chosen(said, labels)
        if task.several and not labels:
            raise DataError("its question must list the options, as `(A) … (B) …`")
        if task.several and not targets:
            raise DataError(f"`{one_line(said, QUOTED)}` must be labels of {', '.join(labels)}")
        if len(targets) != 1 and not task.several:  # no choice, or one in another form: the judge reads it as it is
            labels, targets = (), (said,)
        return Asked(place=place, number=number, task=task, row=row, labels=labels, targets=targets)

    def _task(self, file: str, row: Stated) -> Task:
        name = FILES[_known(file)]
        if name:
            return self.suite.tasks[name]
        attribute = row.source.rpartition("QA_")[2]
        task = self.suite.task_named(f"QA-{attribute}")
        if task is None:
            known = ", ".join(f"QA_{one.removeprefix('QA-')}" for one in self.suite.tasks if one.startswith("QA-"))
            raise DataError(f"`source` must be one of {known}, got `{one_line(row.source, QUOTED)}`")
        return task


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every row of the test files below the folder, with its clip; None if there is no such file.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    folder = Folder(root, suite, list_files(root))
    files = _test_files(folder.files)
    if not files:
        return None
    asked = [one for file in files for one in folder.asked(file)]
    wanted = [Wanted(one.task, one.video, _beside(one.place, one.video)) for one in asked]
    found = map(_same_corpus, find_clips(root, wanted, folder.files, suite, folder.problems), wanted)
    shown = Counter((one.task.name, one.video) for one in asked)
    rows = []
    for one, clip in zip(asked, found, strict=True):
        corpus = _corpus(one)
        rows.append(
            Row(
                place=one.place,
                task=one.task,
                video_id=f"{one.video}-{one.number}" if shown[one.task.name, one.video] > 1 else one.video,
                label_set=one.labels,
                targets=one.targets,
                source=corpus,
                recording=plain(f"{corpus}/{recording_of(stem(one.video))}"),
                clip=clip.path,
                flaw=clip.flaw,
                turns=tuple(Turn(message.role, _said(message)) for message in one.row.messages[:-2]),
                text=_text(one),
            )
        )
    return Gathered(rows=tuple(rows), problems=tuple(folder.problems))


def _known(file: str) -> str:
    """The key in `FILES` of a file's name; empty if it is not one of the benchmark's."""
    name = file.rpartition("/")[2].lower()
    key = name.removesuffix(".json").replace("_", "-")
    return key if name.endswith(".json") and key in FILES else ""


def _test_files(files: Mapping[str, int]) -> Sequence[str]:
    """The test files, in the order of their paths; those in `full` only if there is none of the name in `sampled`."""
    known = [file for file in sorted(files) if _known(file) and files[file] != NOT_REGULAR]
    test = [file for file in known if "train" not in file.split("/")]
    sampled = {_known(file) for file in test if "sampled" in file.split("/")}
    return [file for file in test if "full" not in file.split("/") or _known(file) not in sampled]


def _beside(place: str, video: str) -> str:
    """The place of a clip: from the folder that `jsons` is in, or from the file's own."""
    home = f"/{place.partition(': ')[0]}".rpartition("/")[0]
    above, jsons, _ = f"{home}/".rpartition("/jsons/")
    return f"{above if jsons else home}/{video}".lstrip("/")


def _same_corpus(found: Found, wanted: Wanted) -> Found:
    """The clip if its path ends as the row says: corpora number their clips alike, so that a name alone can mislead."""
    ending = wanted.video_id.removeprefix("videos/").lower()
    if found.flaw or f"/{slashed(str(found.path)).lower()}".endswith(f"/{ending}"):
        return found
    return Found(found.path, f"{wanted.place} is not there")


def _corpus(asked: Asked) -> str:
    """The name of the clip's corpus: the folder in `videos`, or the first part of the file's name."""
    parts = asked.video.split("/")
    in_videos = parts[0] == "videos" and len(parts) > 2
    return source_name(parts[1] if in_videos else stem(asked.place.partition(": ")[0]).partition("_")[0])


def _said(message: Message) -> str:
    return MEDIUM.sub("", message.content).strip()


def _text(asked: Asked) -> str:
    """The authors' question, and the labels if it lists none."""
    text = _said(asked.row.messages[-2]).lstrip(".").strip()
    return f"{text}\n\nLabels: {'; '.join(asked.labels)}" if asked.task.name in SETS else text
