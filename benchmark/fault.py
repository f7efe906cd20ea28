"""Exceptions that nobody foresaw: what, where, whose, and of which versions."""

import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from platform import python_version
from types import FrameType, FunctionType, ModuleType

SUITE = frozenset({"benchmark", "evaluators", "reports"})
DEPTH = 40
"""Lines of a traceback that are kept, the innermost ones."""
MOST_VERSIONS = 6

Line = tuple[FrameType, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An exception of a kind that no boundary knows.

    Attributes:
        error: its type and its words.
        place: the innermost line that is not the standard library's, by file and number.
        blame: whose fault it is, and the versions of whoever may be at fault.
        traceback: as Python prints it, without the folders in which the code lies.
    """

    error: str
    place: str
    blame: str
    traceback: str

    @property
    def words(self) -> str:
        """What happened and where."""
        return f"{self.error} ({self.place})"

    @property
    def kind(self) -> str:
        """The same without what its words say, which may differ from sample to sample."""
        return f"{self.error.partition(':')[0]} in {self.place}"


def fault_of(error: Exception, redact: Callable[[str], str] = str) -> Fault:
    """What an exception says of itself; `redact` takes off what must not be told."""
    lines = list(traceback.walk_tb(error.__traceback__))
    ours = [line for line in lines if _module(line[0]) not in sys.stdlib_module_names] or lines
    said = " ".join(str(error).split())
    whole = "".join(traceback.format_exception(error, limit=-DEPTH))
    return Fault(
        error=redact(_without_folders(f"{type(error).__name__}: {said}" if said else type(error).__name__)),
        place=_place(ours[-1]) if ours else "at an unknown place",
        blame=_blame(ours),
        traceback=redact(_without_folders(whole)),
    )


def _module(frame: FrameType) -> str:
    """The outermost package that the code belongs to."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _place(line: Line) -> str:
    frame, number = line
    return f"{_without_folders(frame.f_code.co_filename)}, line {number}"


def _blame(lines: Sequence[Line]) -> str:
    modules = [_module(frame) for frame, _ in lines]
    if modules and modules[-1] not in SUITE and modules[-1] not in _packages():
        return f"a fault in {Path(lines[-1][0].f_code.co_filename).name}"  # the user's own code
    used = [module for module in reversed(modules) if module not in SUITE]
    if modules and modules[-1] in SUITE:
        used += _imported(lines[-1][0])
    names = dict.fromkeys(name for module in used for name in _packages().get(module, ())[:1])
    versions = [f"Python {python_version()}", *map(_version, ["mme-emotion", *names][:MOST_VERSIONS])]
    return f"a fault of the suite or of a package ({', '.join(versions)})"


def _imported(frame: FrameType) -> Iterator[str]:
    """What the module names of others, which compiled code leaves no other trace of."""
    for value in list(frame.f_globals.values()):
        if isinstance(value, ModuleType):
            yield value.__name__.partition(".")[0]
        elif isinstance(value, type | FunctionType):
            yield str(value.__module__).partition(".")[0]


@cache
def _packages() -> dict[str, list[str]]:
    """The installed packages, without the suite, by what they are imported as."""
    return {module: names for module, names in packages_distributions().items() if module not in SUITE}


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:  # it runs from a folder that nobody has installed
        return package


def _without_folders(text: str) -> str:
    """The text without the folders of packages, of the suite and of the user."""
    installed = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    for folder in sorted({*installed, str(Path(__file__).parents[1]), str(Path.cwd())}, key=len, reverse=True):
        text = text.replace(folder + os.sep, "")
    return text.replace(str(Path.home()) + os.sep, f"~{os.sep}")
