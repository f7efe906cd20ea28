"""What the demo clips show: who, in which mood, saying what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.demo_clips.face import Expression, Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeling:
    """A mood in face and voice.

    Attributes:
        expression: the face at its fullest.
        pitch: espeak-ng's, 0 to 99.
        tempo: words a minute.
        loudness_db: of the voiced parts, below full scale.
        sounds: the voice in a listener's words.
    """

    expression: Expression
    pitch: int
    tempo: int
    loudness_db: float
    sounds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A clip to be made: the true labels, the mood of each part and the words said in it."""

    labels: tuple[str, ...]
    feelings: tuple[str, ...]
    words: tuple[str, ...]
    noisy: bool = False
    suffix: str = ".mp4"


FEELINGS: Mapping[str, Feeling] = {
    "calm": Feeling(expression=Expression(), pitch=45, tempo=160, loudness_db=-22, sounds="level, unhurried"),
    "happy": Feeling(
        expression=Expression(smile=1, stretch=0.7, gape=0.25, brow_raise=0.3, shake=0.3),
        pitch=72, tempo=185, loudness_db=-18, sounds="bright, lively, cheerful",
    ),
    "excited": Feeling(
        expression=Expression(smile=0.9, stretch=0.5, gape=0.7, brow_raise=0.8, eyes_wide=0.6, shake=0.8),
        pitch=88, tempo=220, loudness_db=-13, sounds="high, fast, loud, excited",
    ),
    "sad": Feeling(
        expression=Expression(smile=-0.8, brow_worry=0.9, eyes_wide=-0.35, nod=0.8, tilt=0.3),
        pitch=22, tempo=105, loudness_db=-30, sounds="low, slow, quiet, sad",
    ),
    "angry": Feeling(
        expression=Expression(smile=-0.6, gape=0.35, brow_raise=-0.6, brow_worry=-1, shake=0.6, eyes_wide=0.1),
        pitch=50, tempo=205, loudness_db=-11, sounds="loud, hard, hurried, angry",
    ),
    "afraid": Feeling(
        expression=Expression(smile=-0.4, stretch=0.5, gape=0.3, brow_raise=0.7, brow_worry=0.8, eyes_wide=0.9, shake=0.5),
        pitch=85, tempo=210, loudness_db=-19, sounds="high, fast, trembling, fearful",
    ),
    "surprised": Feeling(
        expression=Expression(gape=1, stretch=-0.5, brow_raise=1, eyes_wide=1, nod=-0.4),
        pitch=90, tempo=180, loudness_db=-16, sounds="high, sudden, surprised",
    ),
    "disgusted": Feeling(
        expression=Expression(smile=-0.7, wrinkle=1, brow_raise=-0.4, brow_worry=-0.4, eyes_wide=-0.4, tilt=-0.5),
        pitch=30, tempo=140, loudness_db=-21, sounds="low, drawn-out, disgusted",
    ),
    "worried": Feeling(
        expression=Expression(smile=-0.45, brow_worry=1, brow_raise=0.4, eyes_wide=0.3, shake=0.3),
        pitch=62, tempo=190, loudness_db=-24, sounds="uneven, hurried, worried",
    ),
    "tired": Feeling(
        expression=Expression(smile=-0.2, eyes_wide=-0.7, nod=1, tilt=0.4),
        pitch=25, tempo=100, loudness_db=-29, sounds="flat, slow, tired",
    ),
    "peaceful": Feeling(
        expression=Expression(smile=0.5, eyes_wide=-0.3), pitch=40, tempo=125, loudness_db=-27, sounds="soft, slow, calm",
    ),
    "puzzled": Feeling(
        expression=Expression(smile=-0.2, brow_raise=0.5, brow_worry=0.3, tilt=0.9), pitch=60, tempo=140,
        loudness_db=-23, sounds="hesitant, rising, doubtful",
    ),
    "annoyed": Feeling(
        expression=Expression(smile=-0.5, brow_raise=-0.5, brow_worry=-0.7, eyes_wide=-0.2), pitch=40, tempo=180,
        loudness_db=-17, sounds="pressed, short, annoyed",
    ),
    "warm": Feeling(
        expression=Expression(smile=0.6, brow_worry=0.4, nod=0.3, tilt=0.4), pitch=48, tempo=130, loudness_db=-25,
        sounds="soft, warm, slow",
    ),
}  # fmt: skip

PERSONS = (
    Person(skin=(236, 196, 165), hair=(74, 48, 32), shirt=(64, 98, 140), wall=(214, 220, 224), long_hair=False),
    Person(skin=(150, 104, 74), hair=(28, 22, 22), shirt=(186, 92, 70), wall=(226, 218, 204), long_hair=True),
    Person(skin=(247, 212, 184), hair=(176, 120, 54), shirt=(92, 130, 96), wall=(205, 214, 208), long_hair=True),
    Person(skin=(104, 70, 50), hair=(18, 16, 18), shirt=(206, 176, 84), wall=(198, 208, 222), long_hair=False),
    Person(skin=(222, 178, 134), hair=(40, 34, 38), shirt=(120, 84, 130), wall=(224, 224, 218), long_hair=False),
)

NEUTRAL_WORDS = (
    "They are coming on Thursday afternoon.",
    "The letter is lying on the kitchen table.",
    "It happened at a quarter past seven.",
    "The others have already gone upstairs.",
)

_GRADES = [
    "very strong negative", "strong negative", "negative", "weak negative", "neutral",
    "weak positive", "positive", "strong positive", "very strong positive",
]  # fmt: skip
_BODY = [
    "Excitement", "Engagement", "Fatigue", "Disquietment", "Anticipation", "Fear", "Affection", "Confidence", "Happiness",
    "Disconnection", "Annoyance", "Pain", "Sympathy", "Embarrassment", "Suffering", "Pleasure", "Sadness", "Sensitivity",
    "Peace", "Anger", "Esteem", "Doubt/Confusion", "Disapproval", "Surprise", "Aversion", "Yearning",
]  # fmt: skip
_INTENTS = [
    "neutral", "questioning", "consoling", "suggesting", "encouraging", "agreeing", "wishing", "acknowledging",
]  # fmt: skip

LABEL_SETS: Mapping[str, list[str]] = {
    "ER-Lab": ["Anger", "Sadness", "Surprise", "Happiness", "Excited", "Fear", "Frustration", "Neutral", "Other"],
    "ER-Wild": ["neutral", "happy", "angry", "sad", "fear", "surprise", "disgust"],
    "Noise-ER": ["happy", "neutral", "angry", "surprise", "sad", "worried"],
    "FG-ER": _BODY,
    "ML-ER": ["happy", "fear", "disgust", "anger", "sad", "surprise"],
    "SA": ["neutral", "positive", "negative"],
    "FG-SA": _GRADES,
    "IR": _INTENTS,
}
"""One of each task's label sets, as in the benchmark."""


def _mute(*pairs: tuple[str, str], noisy: bool = False, suffixes: tuple[str, ...] = (".mp4",)) -> tuple[Planned, ...]:
    """Clips of one mood each, whose words say nothing of it."""
    return tuple(
        Planned(
            labels=(label,), feelings=(feeling,), words=(NEUTRAL_WORDS[index % len(NEUTRAL_WORDS)],), noisy=noisy,
            suffix=suffixes[index % len(suffixes)],
        )
        for index, (label, feeling) in enumerate(pairs)
    )  # fmt: skip


def _both(*pairs: tuple[str, str, str, str]) -> tuple[Planned, ...]:
    """Clips that turn from one mood to another."""
    return tuple(
        Planned(
            labels=(one, two),
            feelings=(first, second),
            words=(NEUTRAL_WORDS[index % 4], NEUTRAL_WORDS[(index + 1) % 4]),
        )
        for index, (one, two, first, second) in enumerate(pairs)
    )


def _said(*parts: tuple[str, str, str], suffix: str = ".mp4") -> tuple[Planned, ...]:
    """Clips whose words bear on the label."""
    return tuple(
        Planned(labels=(label,), feelings=(feeling,), words=(words,), suffix=suffix) for label, feeling, words in parts
    )


CLIPS: Mapping[str, tuple[Planned, ...]] = {
    "ER-Lab": _mute(
        ("Anger", "angry"), ("Sadness", "sad"), ("Happiness", "happy"), ("Neutral", "calm"), ("Fear", "afraid"),
        ("Excited", "excited"),
    ),
    "ER-Wild": _mute(
        ("sad", "sad"), ("happy", "happy"), ("angry", "angry"), ("surprise", "surprised"), ("disgust", "disgusted"),
        ("neutral", "calm"), suffixes=(".mp4", ".mp4", ".avi"),
    ),
    "Noise-ER": _mute(
        ("happy", "happy"), ("worried", "worried"), ("sad", "sad"), ("angry", "angry"), ("neutral", "calm"),
        ("surprise", "surprised"), noisy=True,
    ),
    "FG-ER": (
        *_both(
            ("Happiness", "Excitement", "happy", "excited"), ("Annoyance", "Anger", "annoyed", "angry"),
            ("Sadness", "Fatigue", "sad", "tired"), ("Surprise", "Fear", "surprised", "afraid"),
        ),
        *_mute(("Peace", "peaceful"), ("Doubt/Confusion", "puzzled")),
    ),
    "ML-ER": _both(
        ("surprise", "happy", "surprised", "happy"), ("anger", "disgust", "angry", "disgusted"),
        ("sad", "fear", "sad", "afraid"), ("fear", "surprise", "afraid", "surprised"),
        ("disgust", "sad", "disgusted", "sad"), ("happy", "sad", "happy", "sad"),
    ),
    "SA": _said(
        ("positive", "happy", "I would watch this film again tomorrow."), ("negative", "annoyed", "It was a waste of my evening."),
        ("neutral", "calm", "The film runs for about two hours."), ("negative", "sad", "I expected so much more of it."),
        ("positive", "warm", "The ending is beautiful, it stays with you."), ("neutral", "calm", "It opened in March."),
    ),
    "FG-SA": _said(
        ("very strong positive", "excited", "This is the best film I have ever seen!"),
        ("very strong negative", "angry", "It is terrible, simply terrible!"),
        ("weak positive", "peaceful", "It is quite nice in places."), ("weak negative", "tired", "It drags a little."),
        ("positive", "happy", "I liked it, and so did my friends."), ("negative", "annoyed", "I did not like the story."),
    ),
    "IR": _said(
        ("questioning", "puzzled", "Where did you put the keys?"), ("consoling", "warm", "Never mind, it will be all right."),
        ("encouraging", "excited", "Go on, you can do it!"), ("agreeing", "happy", "Yes, you are right about that."),
        ("wishing", "warm", "I hope you have a wonderful journey."), ("neutral", "calm", "The train leaves from platform two."),
        suffix=".mkv",
    ),
}  # fmt: skip

PICTURES: Sequence[tuple[str, str]] = (("happy", ".jpg"), ("sad", ".png"), ("angry", ".webp"), ("surprised", ".jpg"))
"""The mood and the format of each still picture."""
