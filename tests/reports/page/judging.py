"""A judge who gives reasons, and does not keep to the form at the first attempt now and then."""

import re
from collections.abc import Callable
from zlib import crc32

from tests.endpoint import Received, Said, plausible

REFUSED = "I would rather not put numbers on feelings."
REASON = "the frames show it"


def explaining() -> Callable[[Received], Said]:
    """An endpoint's reply: rates steps by chance, with a reason each; every fifth sample it refuses to at first."""

    def reply(received: Received) -> Said:
        if "judge" not in str(received.body["model"]):
            return plausible(received)
        seen = crc32(received.raw)
        if seen % 5 == 0 and "Reply again" not in received.text:
            return Said(REFUSED)
        steps = int(re.findall(r"There are (\d+) steps", received.text)[-1])
        scale = int(re.findall(r"Step 2: 1/(\d+)</score>", received.text)[-1])
        ratings = [*(f"{seen >> at & 1}/1" for number, at in zip(range(1, steps), range(steps), strict=False))]
        ratings.append(f"{seen % (scale + 1)}/{scale}")
        reasons = " ".join(f"Step {number}: {REASON}" for number in range(1, steps + 1))
        scores = ", ".join(f"Step {number}: {rating}" for number, rating in enumerate(ratings, 1))
        return Said(f"<reason>{reasons}</reason><score>{scores}</score>")

    return reply
