"""The results of judges' checks, kept in the cache folder."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from benchmark.errors import RunError
from benchmark.storage.files import append
from reports.kept.report import Health

CHECKS = "judge-checks.jsonl"
"""The file in the cache folder with the results of all checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastChecks:
    """A judge's earlier checks.

    Attributes:
        checks: oldest first.
        strange: the number of lines, of any judge, that could not be read, e.g. because another version wrote them.
    """

    checks: tuple[Health, ...] = ()
    strange: int = 0

    def like(self, health: Health) -> Health | None:
        """The check to compare with: the last of the same length, else the last; None if there is none."""
        alike = [check for check in self.checks if check.short == health.short] or self.checks
        return alike[-1] if alike else None


def read_checks(folder: Path, judge: str) -> PastChecks:
    """The earlier checks of the judge of that name, read from the cache folder.

    Raises:
        RunError: the file cannot be read.
    """
    try:
        lines = (folder / CHECKS).read_text("utf-8").split("\n")  # names may contain other line ends
    except FileNotFoundError:
        return PastChecks()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{folder / CHECKS} cannot be read ({error}); move it away.") from error
    found = [_check(line) for line in lines if line.strip()]
    checks = [check for check in found if check is not None]
    return PastChecks(checks=tuple(check for check in checks if check.judge == judge), strange=len(found) - len(checks))


def _check(line: str) -> Health | None:
    try:
        return Health.model_validate_json(line)
    except ValidationError:
        return None


def keep_check(folder: Path, health: Health) -> None:
    """Appends a check to the file in the cache folder.

    Raises:
        RunError: the file cannot be written.
    """
    try:
        append(folder / CHECKS, health.model_dump_json())
    except OSError as error:
        raise RunError(f"{folder / CHECKS} cannot be written ({error.strerror}); add --cache=OTHER_DIR.") from error
