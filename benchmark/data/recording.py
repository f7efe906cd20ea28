"""Which samples share a recording, and so are not independent of each other.

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

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType

from benchmark.data.rows import plain, stem

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


def own_recording(source: str, video: str, stated: str | None) -> str:
    """The recording of a user's own clip: what its row states, else the clip itself, told apart by its whole path."""
    if stated:
        return plain(f"{source}/{stated}")
    return plain(f"{source}/{stem(video)}-{hashlib.sha256(video.encode()).hexdigest()[:8]}")
