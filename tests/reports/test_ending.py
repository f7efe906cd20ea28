"""The exit code of every way in which a run can end."""

import io
import itertools

import pytest

from reports.ending import Ending, exit_code
from reports.gate.verdict import EXIT_CODES
from reports.kept.report import Word
from reports.live.output import Spared

WORDS: tuple[Word | None, ...] = (None, *EXIT_CODES)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (Ending(status=0), 0),
        (Ending(status=1), 1),
        (Ending(status=1, whole=False), 1),
        (Ending(status=0, whole=False), 2),
        (Ending(status=0, lost=True), 3),
        (Ending(status=5), 5),
        (Ending(status=1, gated=True, word="PASS"), 0),
        (Ending(status=0, gated=True, word="FAIL"), 1),
        (Ending(status=1, gated=True, word="INCONCLUSIVE"), 6),
        (Ending(status=7, gated=True, word="UNTRUSTED"), 7),
        (Ending(status=1, gated=True, word="FAIL", stray=True), 1),
        (Ending(status=2, gated=True, word="PASS", settled=True), 0),
        (Ending(status=2, gated=True, word="PASS"), 2),
        (Ending(status=6, gated=True), 3),
        (Ending(status=42, gated=True, word="PASS"), 42),
        (Ending(status=1, gated=True, shard=True), 0),
        (Ending(status=1, gated=True, shard=True, whole=False), 2),
        (Ending(status=1, gated=True, shard=True, stray=True), 3),
        (Ending(status=7, gated=True, shard=True, word="UNTRUSTED"), 7),
    ],
    ids=str,
)
def test_each_way_has_its_code(ending: Ending, code: int) -> None:
    assert exit_code(ending) == code


def test_a_verdict_s_code_is_never_another_s() -> None:
    """Over all that can be: a gated run ends in 0 or 1 only by a PASS or FAIL that was kept."""
    flags = itertools.product((False, True), repeat=5)
    for status, word, (lost, whole, shard, settled, stray) in itertools.product(range(9), WORDS, flags):
        ending = Ending(
            status=status, gated=True, word=word, lost=lost, whole=whole, shard=shard, settled=settled, stray=stray
        )
        code = exit_code(ending)
        if code in EXIT_CODES.values() and not (shard and word is None):
            assert word is not None, ending
            assert code == EXIT_CODES[word], ending
            assert not lost, ending
            assert not (code == 0 and stray), ending


class Failing(io.StringIO):
    def write(self, text: str) -> int:
        if "!" in text:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_stream_that_has_failed_is_written_no_more() -> None:
    stream = Failing()
    spared = Spared(stream)
    for text in ("one", "two!", "three"):
        assert spared.write(text) == len(text)
        spared.flush()
    assert stream.getvalue() == "one"
    assert spared.error is not None
    assert spared.isatty() is False
