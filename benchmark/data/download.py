"""Downloads data sets from the hub, and unpacks zip files of clips."""

import hashlib
import lzma
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from uuid import uuid4
from zipfile import BadZipFile, ZipFile, ZipInfo

from benchmark.data.archive import Directory, check_members
from benchmark.data.rows import slashed
from benchmark.errors import DataError, RunError, boundary
from benchmark.storage.files import make_folder, put
from benchmark.text import mended

INSTALL = "Reading data sets from the hub needs: pip install 'mme-emotion[hub]'"


def unpack(archive: Path, target: Path) -> None:
    """Unpacks a zip file into a new folder, which appears only when it is complete.

    Several processes may unpack the same file at the same time; the first to finish provides the folder.

    Raises:
        DataError: the file is damaged or encrypted, a member would leave the folder, members overlap or grow too
            much, or the disk is full or not writable; the message does not name the file.
    """
    passing = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        if not archive.is_file():
            raise DataError("is not a regular file")
        with Directory(archive) as file, ZipFile(file) as opened:
            file.limited = False  # the list of members has been read
            members = opened.infolist()
            check_members(members, file, shutil.disk_usage(archive.parent).free)
            make_folder(passing)
            for member in members:
                member.filename = slashed(member.filename)  # some programs on Windows write backslashes
                _extract(member, opened, passing)
        passing.rename(target)
    except (BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, OSError) as error:
        if not target.exists():  # else another process was faster
            reason = (isinstance(error, OSError) and error.strerror) or error
            raise DataError(f"cannot be unpacked ({reason}); unpack it by hand, into {target}") from error
    finally:
        shutil.rmtree(passing, ignore_errors=True)


def _extract(member: ZipInfo, opened: ZipFile, folder: Path) -> None:
    """Extracts a member; refuses one that would overwrite another where the file system ignores case."""
    if not member.is_dir() and (folder / member.filename).exists():
        raise DataError(f"is refused as a whole: its member {member.filename} would overwrite another")
    opened.extract(member, folder)


def fetch(name: str) -> Path:
    """The folder of the hub's data set `ID` or `ID@REVISION`, downloaded unless the hub's cache has it.

    Raises:
        DataError: there is no such data set, its terms are not accepted yet, or the download fails.
        RunError: the package huggingface_hub is not installed.
    """
    try:
        import httpx2
        from huggingface_hub import errors, snapshot_download
    except ImportError as error:
        raise RunError(INSTALL) from error
    repository, _, revision = name.partition("@")
    try:
        return Path(snapshot_download(repository, repo_type="dataset", revision=revision or None))
    except (OSError, httpx2.HTTPError, errors.HFValidationError) as error:
        if isinstance(error, errors.GatedRepoError):
            why = "its terms must be accepted first: do so on its page, then run `hf auth login`"
        elif isinstance(error, errors.RevisionNotFoundError):
            why = f"it has no revision {revision}"
        elif isinstance(error, errors.RepositoryNotFoundError):
            why = "there is no such data set, or it is private: check the name, or run `hf auth login`"
        elif isinstance(error, errors.HFValidationError):
            why = "write it as hf:OWNER/NAME or hf:OWNER/NAME@REVISION"
        else:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].removeprefix("Got: ")
            why = f"the download failed ({reason}); finished files are kept, so try again"
        raise DataError(f"Cannot download hf:{name}: {why}.") from error


def read_table(folder: Path) -> Iterator[Mapping[str, object]]:
    """The rows of a folder that the `datasets` library reads, without decoding; `video` is a path from the folder.

    Clips that are stored inside the table are first written to files in a hidden folder.

    Raises:
        DataError: the library cannot read the folder.
        RunError: the library is not installed.
    """
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise RunError(INSTALL) from error
    with boundary(DataError):
        splits = load_dataset(str(folder), streaming=True)  # streaming: no second copy of the clips on disk
        for split in [splits["test"]] if "test" in splits else splits.values():
            for row in split.decode(enable=False) if split.features else split:  # CSV and JSON need no decoding
                stated = {name: mended(value) for name, value in row.items()}
                yield {**stated, "video": _video(stated.get("video"), folder)}


def _video(value: object, folder: Path) -> object:
    if not isinstance(value, dict):
        return value
    content, path = value.get("bytes"), value.get("path")
    if content is None:
        return os.path.relpath(path, folder) if path else None
    name = PurePosixPath(slashed(path or "clip.mp4")).name
    clip = folder / ".clips" / hashlib.sha256(content).hexdigest()[:16] / name
    if not clip.exists():
        make_folder(clip.parent)
        put(clip, content)
    return clip.relative_to(folder).as_posix()
