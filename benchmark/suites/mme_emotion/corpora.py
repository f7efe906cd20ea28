"""The corpora that MME-Emotion draws on: which one a clip is of, and which clips share a recording.

Clips of one recording are not independent of each other.

Corpora cut many clips out of one film, one dialogue or one speaker's video. Statistics treat the clips of one recording
as a cluster. What the name of a clip tells of its recording, counted over the published annotations:

    corpus         recording                        example                     samples  recordings
    IEMOCAP        the acted dialogue               Ses05M_impro03_M021             500          30
    BOLD           the film                         gjdgj04FzR0_0044_0              500          15
    CMU-MOSI       the speaker's video              cW1FSBF59ik_18                  900          31
    CMU-MOSEI      the speaker's video              gLTxaEcx41E_9                   700         352
    MELD           the dialogue                     test_dia279_utt2                700         237
    MC-EIU         the dialogue                     dia_441_utt_9_ch                800         503
    E3             the camera wearer's video        7570_0_0                        300         280
    CH-SIMS v2 s   the film or the episode          aqgy4_0009_00034                400         128

The clips of CAER, DFEW, MAFW and MER2024 are numbered through, and their recordings cannot be told: each clip is one.
IEMOCAP's dialogues are all of session 5, whose two actors are too few to be clusters: scores of ER-Lab speak of other
dialogues of such speakers, not of other speakers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from benchmark.data.rows import inner_id, plain, source_name, stem
from benchmark.task import Task

_RECORDINGS: Mapping[str, str] = MappingProxyType(
    {
        "IEMOCAP": r"(Ses\d\d[FM]_(?:impro\d+|script\d+_\d+))\w*_[FM]\d+",
        "BOLD": r"(.+)_\d{4}_\d+",
        "CMU-MOSI": r"(.+)_\d+",
        "CMU-MOSEI": r"(.+)_\d+",
        "MELD": r"(\w*dia\d+)_utt\d+",
        "MC-EIU": r"(dia_\d+)_utt_\d+_ch",
        "E3": r"(\d+)_\d+_\d+",
        "CH-SIMS_v2_s": r"(\w+)_\d+",
    }
)


def recording_of(source: str, video_id: str) -> str:
    """The recording that a clip of a published corpus was cut from; the clip itself where its name does not tell."""
    name = stem(video_id)
    match = re.fullmatch(_RECORDINGS.get(source, r"(.*)"), name)
    return plain(f"{source}/{match[1] if match else name}")


@dataclass(frozen=True, slots=True)
class _Corpus:
    """How to tell a corpus by a file's name and its row's first candidate label; the pattern spans the whole stem."""

    name: str
    tasks: str
    pattern: str
    first_label: str = ""

    def owns(self, task: str, stem: str, first_label: str) -> bool:
        return (
            task in self.tasks.split()
            and self.first_label in ("", first_label)
            and re.fullmatch(self.pattern, stem) is not None
        )


# Counted over the published annotations; the first that fits is the corpus.
_CORPORA = (
    _Corpus("IEMOCAP", "ER-Lab", r"Ses\d\d[FM]_(impro|script)\w+"),
    _Corpus("MER2024", "Noise-ER", r"samplenew\d_\d+"),
    _Corpus("BOLD", "FG-ER", r".+_\d{4}_\d+"),
    _Corpus("MC-EIU", "ER-Wild IR", r"dia_\d+_utt_\d+_ch"),
    _Corpus("MELD", "ER-Wild SA", r"test_dia\d+_utt\d+"),
    _Corpus("CAER", "ER-Wild", r"test_[A-Z][a-z]+_\d+"),
    _Corpus("E3", "ER-Wild", r"\d+_\d+_\d+"),
    _Corpus("MAFW", "ER-Wild ML-ER", r"\d{5}", "disappointment"),
    _Corpus("DFEW", "ER-Wild", r"\d+"),
    _Corpus("CH-SIMS_v2_s", "SA", r"(video|aqgy\d+|csbgs\d+|test\d+)_\w+"),
    _Corpus("CMU-MOSI", "SA", r".+_\d+", "neutral"),
    _Corpus("CMU-MOSI", "FG-SA", r".+_\d+"),
    _Corpus("CMU-MOSEI", "SA ML-ER", r".+_\d+"),
)
_PLAIN_FOLDERS = frozenset({"video", "videos", "clip", "clips"})


def source_of(task: Task, video_id: str, label_set: Sequence[str]) -> str:
    """The corpus a clip comes from: the first folder of its id, else told by its name; "unknown" where neither says."""
    *folders, name = inner_id(task, video_id).split("/")
    if folders and folders[0].lower() not in _PLAIN_FOLDERS:
        return source_name(folders[0])
    return next((corpus.name for corpus in _CORPORA if corpus.owns(task.name, stem(name), label_set[0])), "unknown")
