"""A whole run over a real server: hostile data, hostile answers, agents that obey, quote and normalise."""

import json
import re
from pathlib import Path

from tests.attacks.stubs import LABELS, RIGHT, SIGHT, SOUND, WRONG, Stub, Temper
from tests.attacks.table import ATTACKS, Attack
from tests.endpoint import Endpoint, Received, Said
from tests.integration.runs import agents, run
from tests.tasks import DEMO

CHOSEN = ("full-width", "Cyrillic", "entities", "a block", "made-up mark", "plain", "ChatML", "dollar")
PLANTED = tuple(row for row in ATTACKS if row.name in CHOSEN and row.place in {"answer", "clue", "label", "label set"})
TEMPERS: tuple[Temper, ...] = ("obeying", "echoing", "normalising")


def line_of(number: int, row: Attack) -> dict[str, object]:
    label = f"{RIGHT} {row.planted}" if row.place == "label" else RIGHT
    more = [row.planted] if row.place == "label set" else []
    return {
        "id": f"s{number}",
        "video": str(DEMO / "ER-Lab/Drawn/video/ER_Lab_01.mp4"),
        "label": label,
        "label_set": [label, *LABELS[1:], *more, f"mood {number}"],
        "task": "ER-Lab",
        "audio_clue": row.planted if row.place == "clue" else SOUND,
    }


def reply(received: Received) -> Said:
    number = int(re.findall(r"mood (\d+)$", received.text, re.MULTILINE)[0])
    row, role = PLANTED[number], str(received.body["model"])
    if role == "extractor" or role == "judge":
        return Said(Stub(role, TEMPERS[number % 3], row.planted).reply(received.text))
    return Said("\n".join([SIGHT, *([row.planted] if row.place == "answer" else []), f"Answer: {WRONG}"]))


def test_a_run_full_of_attacks_has_the_scores_of_one_without(endpoint: Endpoint, tmp_path: Path) -> None:
    data = tmp_path / "clips.jsonl"
    data.write_text("\n".join(json.dumps(line_of(number, row)) for number, row in enumerate(PLANTED)))
    endpoint.reply = reply
    finished = run(tmp_path, f"--data={data}", *agents(endpoint.url), "-q")

    assert finished.outcomes() == {"failed": len(PLANTED)}, finished.output
    assert {(record["recognition"], record["reasoning"]) for record in finished.records} == {(0, 0)}
    assert finished.code == 1
