"""Files of others: nothing but regular files is opened, and none without a limit."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.errors import DataError
from benchmark.storage import given
from benchmark.storage.given import opened, read_lines, read_whole

STRANGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (os.mkfifo, "it is a pipe"),
    "folder": (Path.mkdir, "it is a folder"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "it is a device or a socket"),
    "missing": (lambda path: None, "No such file or directory"),
    "dangling link": (lambda path: path.symlink_to("nowhere"), "No such file or directory"),
    "link in a circle": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
}


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("read", [read_whole, lambda path: list(read_lines(path))], ids=["whole", "lines"])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(
    kind: str, read: Callable[[Path], object], tmp_path: Path
) -> None:
    make, said = STRANGE[kind]
    make(tmp_path / "file")
    with pytest.raises(DataError, match=rf"cannot be read \({said}"):
        read(tmp_path / "file")


def test_a_link_is_followed_where_a_user_names_it_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    assert read_whole(tmp_path / "link") == b"text"
    with pytest.raises(DataError, match=r"it is a link: put the file itself there"):
        opened(tmp_path / "link", linked=False)


def test_a_name_that_no_system_takes_is_refused(tmp_path: Path) -> None:
    for name in ("zero\0byte", "long" * 1000):
        with pytest.raises(DataError, match="cannot be read"):
            read_whole(tmp_path / name)


def test_a_file_and_a_line_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    with file.open("wb") as sparse:
        sparse.truncate(given.LONGEST_LINE + 1)  # which takes no room
    with pytest.raises(DataError, match="has a line, 1, of more than 64 MB"):
        list(read_lines(file))
    with pytest.raises(DataError, match="has more than 1 MB"):
        read_whole(file, 10**6)


def test_lines_are_numbered_as_editors_do_and_a_mark_of_their_order_is_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xef\xbb\xbfone\r\n \n\nfour\xe2\x80\xa8\nfive")
    assert list(read_lines(tmp_path / "file")) == [(1, b"one\r\n"), (4, b"four\xe2\x80\xa8\n"), (5, b"five")]


def test_a_compressed_file_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(gzip.compress(b'{"id": 1}'))
    for read in (read_whole, lambda path: list(read_lines(path))):
        with pytest.raises(DataError, match=r"is compressed \(gzip\): unpack it first"):
            read(tmp_path / "file")
