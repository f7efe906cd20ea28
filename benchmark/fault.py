"""Unexpected exceptions: what happened, where, in whose code, and with which versions of packages."""

import linecache
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from platform import python_version
from types import FrameType, FunctionType, ModuleType

SUITE = frozenset({"benchmark", "evaluators", "reports"})
DEPTH = 40
"""How many frames of a traceback are kept, the innermost ones."""
CHAIN = 5
"""How many exceptions of a chain of causes are kept."""
LONGEST = 500
"""How many characters of an exception's message are kept."""
MOST_VERSIONS = 6

_OWN_FOLDER = re.compile(r"(?<![^\s\"'(])(?:[A-Za-z]:)?[/\\](?:[^/\\\n\"]*[/\\])+(?=[^/\\\n\"]+\.pyw?\b)")

Line = tuple[FrameType, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An unexpected exception, fit for reports.

    Attributes:
        error: its type and message, on one line.
        place: file and line: the innermost of the user's own code, else the innermost outside the standard library.
        blame: in whose code the bug is, and the versions of Python and of the packages involved.
        traceback: as Python prints it, without the folders of files. Lines of the user's own code are left out: they
            may be private.
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
    def sentence(self) -> str:
        """What happened, where, in whose code, and with which versions."""
        return f"{self.words}, {self.blame}"

    @property
    def kind(self) -> str:
        """The type and the place, without the message, which may differ from sample to sample."""
        return f"{self.error.partition(':')[0]} in {self.place}"


def fault_of(error: BaseException, redact: Callable[[str], str] = str) -> Fault:
    """The fault that an exception stands for; `redact` removes secrets from its texts."""
    lines = _lines(error)
    outside = [line for line in lines if _module(line[0]) not in sys.stdlib_module_names] or lines
    own = [line for line in outside if _is_own(line[0])]
    place = "at an unknown place"
    if outside:
        frame, number = (own or outside)[-1]
        place = f"{_file(frame)}, line {number}"
    return Fault(
        error=redact(_summary(error)),
        place=place,
        blame=_blame(outside, own),
        traceback=redact("\n".join(_traceback(error))),
    )


def _lines(error: BaseException) -> list[Line]:
    """The lines of its traceback, the outermost first, without those of `boundary`."""
    passed = traceback.walk_tb(error.__traceback__)
    return [line for line in passed if line[0].f_globals.get("__name__") not in ("benchmark.errors", "contextlib")]


def _summary(error: BaseException) -> str:
    """Its type and message, on one line of valid UTF-8."""
    words = " ".join(str(error).encode("utf-8", "replace").decode().split())
    words = words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
    return without_folders(f"{type(error).__name__}: {words}" if words else type(error).__name__)


def _traceback(error: BaseException) -> Iterator[str]:
    """The lines of the traceback, with those of the exceptions that led to it."""
    chain: list[BaseException] = [error]
    while len(chain) < CHAIN and (cause := _cause(chain[-1])) is not None and cause not in chain:
        chain.append(cause)
    for one in reversed(chain):
        yield "Traceback (most recent call last):"
        for frame, number in _lines(one)[-DEPTH:]:
            yield f'  File "{_file(frame)}", line {number}, in {frame.f_code.co_name}'
            if not _is_own(frame) and (code := linecache.getline(frame.f_code.co_filename, number).strip()):
                yield f"    {code}"
        yield _summary(one)
        if one is not error:
            yield "\nwhich led to:\n"


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _module(frame: FrameType) -> str:
    """The top-level package of the code; compiled code has it in the function's name."""
    return str(frame.f_globals.get("__name__") or frame.f_code.co_name).partition(".")[0]


def _is_own(frame: FrameType) -> bool:
    """Whether the code is the user's own: not the suite's, a package's or Python's."""
    return not any(_module(frame) in known for known in (SUITE, sys.stdlib_module_names, _packages()))


def _file(frame: FrameType) -> str:
    file = without_folders(frame.f_code.co_filename)
    return Path(file).name if _is_own(frame) else file


def _blame(lines: Sequence[Line], own: Sequence[Line]) -> str:
    """In whose code the bug is, and the versions of Python, of the suite and of the packages in the traceback."""
    used = [module for frame, _ in reversed(lines) if (module := _module(frame)) not in SUITE]
    if lines and _module(lines[-1][0]) in SUITE:
        used += _imported(lines[-1][0])
    names = dict.fromkeys(name for module in used for name in _packages().get(module, ())[:1])
    versions = ", ".join([f"Python {python_version()}", *map(_version, ["mme-emotion", *names][:MOST_VERSIONS])])
    whose = f"{_file(own[-1][0])} or in what it calls" if own else "the suite or in a package"
    return f"a bug in {whose} ({versions})"


def _imported(frame: FrameType) -> Iterator[str]:
    """The packages whose objects the module uses: compiled code leaves no frames in the traceback."""
    for value in list(frame.f_globals.values()):
        if isinstance(value, ModuleType):
            yield value.__name__.partition(".")[0]
        elif isinstance(value, type | FunctionType):
            yield str(value.__module__).partition(".")[0]


@cache
def _packages() -> dict[str, list[str]]:
    """The names of the installed distributions, without the suite, by the module that they provide."""
    try:
        return {module: names for module, names in packages_distributions().items() if module not in SUITE}
    except Exception:  # noqa: BLE001  an installation may be damaged in any way, and reporting an error must not fail
        return {}


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:  # the suite runs from a folder without being installed
        return package


@cache
def _folders() -> tuple[str, ...]:
    """The folders to leave out of texts: of Python, packages, the suite and the user; the longest first."""
    found = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found.add(str(Path(__file__).parents[1]))
    for find in (Path.cwd, Path.home):
        with suppress(OSError, RuntimeError):  # the current folder was deleted; the user has no home
            found.add(str(find()))
    return tuple(sorted((folder for folder in found if len(folder) > 1), key=len, reverse=True))


def without_folders(text: str) -> str:
    """The text without the folders of packages, of the suite and of the user."""
    for folder in _folders():
        text = text.replace(folder + os.sep, "")
    return _OWN_FOLDER.sub("", text)
