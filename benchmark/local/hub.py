"""The Hugging Face hub, from which checkpoints are fetched, and why one cannot be had."""

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
"""What the system says of a disk that does not take a file."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub and where its files are kept; what is None is as the client's environment variables say.

    Attributes:
        endpoint: its URL.
        cache: the folder for what is fetched.
    """

    endpoint: str | None = None
    cache: Path | None = None

    def file(self, name: str, file: str, revision: str | None, *, offline: bool) -> Path:
        """A file of a checkpoint; with `offline` only one that has been fetched.

        Raises:
            RunError: it cannot be had; says why.
        """
        from huggingface_hub import hf_hub_download

        take = partial(hf_hub_download, name, file, revision=revision, local_files_only=offline)
        return self._taken(name, partial(take, endpoint=self.endpoint, cache_dir=self.cache))

    def fetch(self, name: str, commit: str, patterns: Sequence[str]) -> None:
        """Fetches the files of a checkpoint whose names match one of the patterns.

        Raises:
            RunError: they cannot be had; says why.
        """
        from huggingface_hub import snapshot_download

        take = partial(snapshot_download, name, revision=commit, allow_patterns=list(patterns))
        self._taken(name, partial(take, endpoint=self.endpoint, cache_dir=self.cache))

    def _taken(self, name: str, take: Callable[[], str]) -> Path:
        import httpx2  # by which this client of the hub asks
        from huggingface_hub import constants, errors

        broken = (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RuntimeError)  # hf_xet's are the last
        try:
            return Path(take())
        except (errors.EntryNotFoundError, *broken) as error:
            raise refusal(name, error, str(self.cache or constants.HF_HUB_CACHE)) from None


HUB = Hub()


def no_such_checkpoint(name: str) -> RunError:
    """That the name is neither a folder's nor one that the hub could have."""
    return RunError(
        f"hf:{name} names nothing: there is no such folder, and ids of the hub are OWNER/NAME, of letters, digits and"
        " single '-', '_' and '.'."
    )


def refusal(name: str, error: Exception, cache: str) -> RunError:
    """One sentence on why a checkpoint cannot be had; an error's own text may quote a token."""
    from huggingface_hub import errors

    match error:
        case errors.HFValidationError():
            return no_such_checkpoint(name)
        case errors.GatedRepoError():
            why = "its owner wants to be asked: accept the terms on its page, then set HF_TOKEN or run `hf auth login`"
        case errors.RepositoryNotFoundError():
            why = "the hub knows no such checkpoint, or shows it only to those with a token (HF_TOKEN); check the id"
        case errors.RevisionNotFoundError():
            why = "it has no such revision"
        case errors.LocalEntryNotFoundError():
            why = "the hub cannot be reached and the cache has no copy; give a folder"
        case errors.EntryNotFoundError():
            why = "it has no config.json"
        case _:
            why = _no_room(error, cache) or f"the hub broke off ({type(error).__name__}); try again"
    return RunError(f"hf:{name} cannot be had: {why}.")


def _no_room(error: Exception, cache: str) -> str | None:
    """What the disk of the cache says; None where the error is about something else."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (told := re.search(r"\(os error (\d+)\)", str(error))):  # Rust's, by which hf_xet is written
        number = int(told[1])
    if number not in NO_ROOM:
        return None
    return f"{os.strerror(number)} at {cache}; make it writable and make room, or name another folder by HF_HUB_CACHE"
