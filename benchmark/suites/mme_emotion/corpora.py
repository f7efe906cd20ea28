"""The corpora of MME-Emotion: which one a clip comes from, and which clips share a recording.

Corpora cut many clips from one film, dialogue or video. Clips of one recording are not independent of each other, so
statistics treat them as a cluster. What the name of a clip says about its recording, counted over the published
annotations:

    corpus         recording                        example                     samples  recordings
    IEMOCAP        the acted dialogue               Ses05M_impro03_M021             500          30
    BOLD           the film                         gjdgj04FzR0_0044_0              500          15
    CMU-MOSI       the speaker's video              cW1FSBF59ik_18                  900          31
    CMU-MOSEI      the speaker's video              gLTxaEcx41E_9                   700         352
    MELD           the dialogue                     test_dia279_utt2                700         237
    MC-EIU         the dialogue                     dia_441_utt_9_ch                800         503
    E3             the camera wearer's video        7570_0_0                        300         280
    CH-SIMS v2 s   the film or the episode          aqgy4_0009_00034                400         128

The clips of CAER, DFEW, MAFW and MER2024 are only numbered, so each clip counts as its own recording. IEMOCAP's
dialogues are all from session 5, and its two actors are too few for clusters: scores of ER-Lab generalise to other
dialogues of these speakers, not to other speakers.
"""

import re
from collections.abc import Mapping, Sequence

from benchmark.data.rows import inner_id, plain, source_name, stem
from benchmark.task import Task

_RECORDINGS: Mapping[str, str] = {
    "IEMOCAP": r"(Ses\d\d[FM]_(?:impro\d+|script\d+_\d+))\w*_[FM]\d+",
    "BOLD": r"(.+)_\d{4}_\d+",
    "CMU-MOSI": r"(.+)_\d+",
    "CMU-MOSEI": r"(.+)_\d+",
    "MELD": r"(\w*dia\d+)_utt\d+",
    "MC-EIU": r"(dia_\d+)_utt_\d+_ch",
    "E3": r"(\d+)_\d+_\d+",
    "CH-SIMS_v2_s": r"(\w+)_\d+",
}


def recording_of(source: str, video_id: str) -> str:
    """The recording that a clip was cut from, as `SOURCE/NAME`; the clip itself if its name does not say."""
    name = stem(video_id)
    match = re.fullmatch(_RECORDINGS.get(source, r"(.*)"), name)
    return plain(f"{source}/{match[1] if match else name}")


# Corpus, tasks, pattern of the whole stem, and the row's first candidate label if that matters: from the published
# annotations. The first row that matches gives the corpus.
_CORPORA = (
    ("IEMOCAP", "ER-Lab", r"Ses\d\d[FM]_(impro|script)\w+", ""),
    ("MER2024", "Noise-ER", r"samplenew\d_\d+", ""),
    ("BOLD", "FG-ER", r".+_\d{4}_\d+", ""),
    ("MC-EIU", "ER-Wild IR", r"dia_\d+_utt_\d+_ch", ""),
    ("MELD", "ER-Wild SA", r"test_dia\d+_utt\d+", ""),
    ("CAER", "ER-Wild", r"test_[A-Z][a-z]+_\d+", ""),
    ("E3", "ER-Wild", r"\d+_\d+_\d+", ""),
    ("MAFW", "ER-Wild ML-ER", r"\d{5}", "disappointment"),
    ("DFEW", "ER-Wild", r"\d+", ""),
    ("CH-SIMS_v2_s", "SA", r"(video|aqgy\d+|csbgs\d+|test\d+)_\w+", ""),
    ("CMU-MOSI", "SA", r".+_\d+", "neutral"),
    ("CMU-MOSI", "FG-SA", r".+_\d+", ""),
    ("CMU-MOSEI", "SA ML-ER", r".+_\d+", ""),
)
_PLAIN_FOLDERS = frozenset({"video", "videos", "clip", "clips"})


def source_of(task: Task, video_id: str, label_set: Sequence[str]) -> str:
    """The corpus that a clip comes from: the first folder of its id, else by its name; "unknown" if neither says."""
    *folders, name = inner_id(task, video_id).split("/")
    if folders and folders[0].lower() not in _PLAIN_FOLDERS:
        return source_name(folders[0])
    for corpus, tasks, pattern, first_label in _CORPORA:
        if task.name in tasks.split() and first_label in ("", label_set[0]) and re.fullmatch(pattern, stem(name)):
            return corpus
    return "unknown"
