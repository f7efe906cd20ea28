"""Checks how many samples the index of an mp4 or mov file declares (ISO 14496-12, 8.7 and 8.8).

A declaration of a few bytes becomes an entry in memory for each sample, so a small file may declare gigabytes; and an
index may be compressed a thousandfold (QuickTime File Format, "Compressed Movie Resources").
"""

import os
import re
import struct
from collections.abc import Iterator

MOST_CLAIMED = 5_000_000
"""Samples of all streams together; ten hours of 100 frames a second with sound have fewer."""

_SCANNED_BYTES = 24 * 2**20
_MOST_BOXES = 1_000_000
_PARSED = frozenset(
    b"moov moof trak traf mdia minf stbl mvex udta meta edts dinf tref uuid clip sidx mfra tfra".split()
)
_FREE, _INDEX_IN_FREE = frozenset((b"free", b"hoov")), frozenset((b"mvhd", b"cmov"))
"""Boxes of free space, and the boxes that mark an index inside them: ffmpeg reads such an index."""
_COMPRESSED = re.compile(rb"cmov.{4}dcom", re.DOTALL)
_COUNT = re.compile(rb"(?:(?:stsz|stz2).{8}|(?:trun|stts|ctts).{4})(?=(.{4}))", re.DOTALL)
_SEGMENTS = re.compile(
    rb"sidx(?:\0.{21}(?=(?P<short>.{2}))|\1.{29}(?=(?P<shorter>.{2})))|tfra.{12}(?=(?P<long>.{4}))", re.DOTALL
)
_RUNS = re.compile(rb"(?:stts|ctts).{4}(?=(.{4}))", re.DOTALL)


class Oversized(Exception):
    """The index is larger than a clip's may be, or the file has too many boxes."""


def claims_too_much(file: int, size: int) -> bool:
    """Whether the index of an open file of `size` bytes is compressed or declares more samples than a clip may have.

    False for other kinds of file. Each fragment that an index lists takes memory for each stream.
    """
    claimed = fragments = streams = 0
    try:
        for index in _indexes(file, size):
            if _COMPRESSED.search(index):
                return True
            claimed += sum(struct.unpack(">I", match[1])[0] for match in _COUNT.finditer(index))
            claimed += sum(_run_lengths(index, match) for match in _RUNS.finditer(index))
            # the number of listed fragments has 2 or 4 bytes
            fragments += sum(int.from_bytes(match[match.lastgroup or 0], "big") for match in _SEGMENTS.finditer(index))
            fragments += index.count(b"moof")
            streams += index.count(b"trak")
    except Oversized:
        return True
    return claimed + fragments * streams > MOST_CLAIMED


def _run_lengths(index: bytes, match: "re.Match[bytes]") -> int:
    """The number of samples whose times a run-length table gives."""
    start, count = match.end() + 4, struct.unpack(">I", match[1])[0]
    table = index[start : start + 8 * count]
    return sum(length for length, _ in struct.iter_unpack(">II", table[: len(table) // 8 * 8]))


def _indexes(file: int, size: int) -> Iterator[bytes]:
    """The content of each box that may belong to an index, without the samples themselves."""
    start, left = 0, _SCANNED_BYTES
    for _ in range(_MOST_BOXES):
        head = os.pread(file, 16, start) if start < size else b""
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack(">Q", head[8:])
        length = length or size - start
        if length < 8:
            return
        if kind in _PARSED or (kind in _FREE and head[12:] in _INDEX_IN_FREE):
            if length > left:
                raise Oversized
            yield os.pread(file, length, start)
            left -= length
        start += length
    raise Oversized
