"""Data sets from the hub, and clips out of zip files."""

import hashlib
import lzma
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from uuid import uuid4
from zipfile import BadZipFile, ZipFile

from benchmark.data.archive import check_members, open_archive
from benchmark.data.rows import slashed
from benchmark.errors import DataError, RunError, boundary
from benchmark.storage.files import make_folder, put
from benchmark.text import mended

INSTALL = "Reading data sets from the hub needs: pip install 'mme-emotion[hub]'"


def unpack(archive: Path, target: Path) -> None:
    """Unpacks a zip file into a folder that does not exist yet and appears when it is complete.

    Processes may do so at the same time; one of them provides the folder.

    Raises:
        DataError: the file is damaged or encrypted, a member would leave the folder, members overlap or grow out of
            all proportion, there is too little space or no right to write; the text does not name the file.
    """
    passing = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        with open_archive(archive) as file, ZipFile(file) as opened:
            file.limited = False
            members = opened.infolist()
            check_members(members, file, shutil.disk_usage(archive.parent).free)
            make_folder(passing)
            for member in members:
                member.filename = slashed(member.filename)  # as some programs of Windows write it
                opened.extract(member, passing)
        passing.rename(target)
    except (BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        if not target.exists():  # else another process was faster
            reason = (isinstance(error, OSError) and error.strerror) or error
            raise DataError(f"cannot be unpacked ({reason}); unpack it by hand, into {target}") from error
    finally:
        shutil.rmtree(passing, ignore_errors=True)


def fetch(name: str) -> Path:
    """The folder with the hub's data set `ID` or `ID@REVISION`, downloaded where the hub's own cache lacks it.

    Raises:
        DataError: there is no such data set, it wants terms accepted, or the download fails.
        RunError: the hub's client is not installed.
    """
    try:
        import httpx2
        from huggingface_hub import errors, snapshot_download
    except ImportError as error:
        raise RunError(INSTALL) from error
    repository, _, revision = name.partition("@")
    try:
        return Path(snapshot_download(repository, repo_type="dataset", revision=revision or None))
    except errors.GatedRepoError as error:
        why = "its owner wants terms accepted first: do so on its page, then run `hf auth login`"
        cause: Exception = error
    except errors.RevisionNotFoundError as error:
        why, cause = f"it has no revision {revision}", error
    except errors.RepositoryNotFoundError as error:
        why, cause = "there is no such data set, or it is private: check the name, or run `hf auth login`", error
    except errors.HFValidationError as error:
        why, cause = "write it as hf:OWNER/NAME or hf:OWNER/NAME@REVISION", error
    except (OSError, httpx2.HTTPError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].removeprefix("Got: ")
        why, cause = f"the download failed ({reason}); what has arrived is kept, so try again", error
    raise DataError(f"hf:{name} cannot be had: {why}.") from cause


def read_table(folder: Path) -> Iterator[Mapping[str, object]]:
    """The rows of a folder that the `datasets` library reads, nothing decoded; `video` is a path from the folder.

    Clips that are stored within the table are written to files in a hidden folder first.

    Raises:
        DataError: the library cannot read the folder.
        RunError: it is not installed.
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
