"""Files that others read while they are being written."""

from pathlib import Path
from uuid import uuid4


def put(target: Path, content: bytes) -> None:
    """Puts a file in place in one go: nobody ever reads half of it.

    Raises:
        OSError: it cannot be written.
    """
    passing = target.with_name(f".{uuid4().hex}")
    try:
        passing.write_bytes(content)
        passing.replace(target)
    finally:
        passing.unlink(missing_ok=True)
