"""Fetches checkpoints from the Hugging Face hub, and explains why one cannot be fetched."""

import errno
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmark.errors import RunError

NO_ROOM = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EEXIST, errno.ENOTDIR}
)
"""The system's error numbers for a disk that cannot be written."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub, and the folder for the files fetched from it.

    Attributes:
        endpoint: the hub's URL; None for that of the environment variable HF_ENDPOINT.
        cache: the folder; None for that of HF_HUB_CACHE.
    """

    endpoint: str | None = None
    cache: Path | None = None

    def file(self, name: str, file: str, revision: str | None, *, offline: bool) -> Path:
        """The path of a file of a checkpoint, which is fetched unless it is in the cache or `offline` is set.

        Raises:
            RunError: it cannot be fetched; the message says why.
        """
        from huggingface_hub import hf_hub_download

        return self._fetched(name, partial(hf_hub_download, name, file, revision=revision, local_files_only=offline))

    def fetch(self, name: str, commit: str, patterns: Sequence[str]) -> None:
        """Fetches the files of a checkpoint whose names match one of the patterns.

        Raises:
            RunError: they cannot be fetched; the message says why.
        """
        from huggingface_hub import snapshot_download

        self._fetched(name, partial(snapshot_download, name, revision=commit, allow_patterns=list(patterns)))

    def _fetched(self, name: str, download: Callable[..., str]) -> Path:
        import httpx2  # the HTTP library of the hub's client
        from huggingface_hub import constants, errors

        broken = (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RuntimeError)  # hf_xet raises the last
        try:
            return Path(download(endpoint=self.endpoint, cache_dir=self.cache))
        except (errors.EntryNotFoundError, *broken) as error:
            raise refusal(name, error, str(self.cache or constants.HF_HUB_CACHE)) from None


HUB = Hub()


def no_such_checkpoint(name: str) -> RunError:
    """The error for a name that is neither a folder nor a possible id of the hub."""
    return RunError(
        f"hf:{name} does not exist: there is no such folder, and ids of the hub are OWNER/NAME, of letters, digits and"
        " single '-', '_' and '.'."
    )


def refusal(name: str, error: Exception, cache: str) -> RunError:
    """The error for a checkpoint that cannot be fetched; it does not quote `error`, whose text may contain a token."""
    from huggingface_hub import errors

    match error:
        case errors.HFValidationError():
            return no_such_checkpoint(name)
        case errors.GatedRepoError():
            why = "access must be requested: accept the terms on its page, then set HF_TOKEN or run `hf auth login`"
        case errors.RepositoryNotFoundError():
            why = "the hub has no such checkpoint, or it is private; check the id, or set HF_TOKEN"
        case errors.RevisionNotFoundError():
            why = "it has no such revision; check --model-option=revision"
        case errors.LocalEntryNotFoundError():
            why = "the hub cannot be reached and the cache has no copy; name a local folder"
        case errors.EntryNotFoundError():
            why = "it has no config.json"
        case _:
            why = _disk_error(error, cache) or f"the download failed ({type(error).__name__}); try again"
    return RunError(f"hf:{name} cannot be fetched: {why}.")


def _disk_error(error: Exception, cache: str) -> str | None:
    """What is wrong with the disk of the cache; None if the error is about something else."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (found := re.search(r"\(os error (\d+)\)", str(error))):  # from hf_xet, written in Rust
        number = int(found[1])
    if number not in NO_ROOM:
        return None
    return f"{os.strerror(number)} at {cache}; make it writable and free space, or set HF_HUB_CACHE to another folder"
