"""Exceptions that nobody foresaw: what, where, whose, and of which versions."""

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
"""Lines of a traceback that are kept, the innermost ones."""
CHAIN = 5
"""Exceptions that led to one another which are kept."""
LONGEST = 500
"""Characters of an exception's own words that are kept."""
MOST_VERSIONS = 6

_OWN_FOLDER = re.compile(r"(?<![^\s\"'(])(?:[A-Za-z]:)?[/\\](?:[^/\\\n\"]*[/\\])+(?=[^/\\\n\"]+\.pyw?\b)")

Line = tuple[FrameType, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An exception of a kind that no boundary knows.

    Attributes:
        error: its type and its words.
        place: file and line: of the user's own code where there is any, else the innermost that is not Python's own.
        blame: whose fault it is, and the versions of whoever may be at fault.
        traceback: as Python prints it, but without the folders in which code lies, and with lines of code from the
            suite and from packages alone: the user's own may hold what is nobody else's business.
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
        """The same, whose fault it is, and of which versions."""
        return f"{self.words}, {self.blame}"

    @property
    def kind(self) -> str:
        """What and where, without the exception's own words, which may differ from sample to sample."""
        return f"{self.error.partition(':')[0]} in {self.place}"


def fault_of(error: BaseException, redact: Callable[[str], str] = str) -> Fault:
    """What an exception says of itself; `redact` takes off what must not be told."""
    lines = _lines(error)
    foreign = [line for line in lines if _module(line[0]) not in sys.stdlib_module_names] or lines
    own = [line for line in foreign if _is_own(line[0])]
    return Fault(
        error=redact(_said(error)),
        place=_place((own or foreign)[-1]) if foreign else "at an unknown place",
        blame=_blame(foreign, own),
        traceback=redact("\n".join(_told(error))),
    )


def _lines(error: BaseException) -> list[Line]:
    """Where it passed, the outermost first, without the boundaries that it crossed."""
    passed = traceback.walk_tb(error.__traceback__)
    return [line for line in passed if line[0].f_globals.get("__name__") not in ("benchmark.errors", "contextlib")]


def _said(error: BaseException) -> str:
    """Its type and its words, on one line that files can hold."""
    words = " ".join(str(error).encode("utf-8", "replace").decode().split())
    words = words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
    return without_folders(f"{type(error).__name__}: {words}" if words else type(error).__name__)


def _told(error: BaseException) -> Iterator[str]:
    chain: list[BaseException] = [error]
    while len(chain) < CHAIN and (cause := _cause(chain[-1])) is not None and cause not in chain:
        chain.append(cause)
    for one in reversed(chain):
        yield "Traceback (most recent call last):"
        for frame, number in _lines(one)[-DEPTH:]:
            yield f'  File "{_file(frame)}", line {number}, in {frame.f_code.co_name}'
            code = "" if _is_own(frame) else linecache.getline(frame.f_code.co_filename, number).strip()
            if code:
                yield f"    {code}"
        yield _said(one)
        if one is not error:
            yield "\nwhich led to:\n"


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _module(frame: FrameType) -> str:
    """The outermost package that the code belongs to; compiled code has it in the function's own name."""
    return str(frame.f_globals.get("__name__") or frame.f_code.co_name).partition(".")[0]


def _is_own(frame: FrameType) -> bool:
    """Whether the code is the user's own: neither the suite's nor a package's nor Python's."""
    module = _module(frame)
    return module not in SUITE and module not in sys.stdlib_module_names and module not in _packages()


def _place(line: Line) -> str:
    return f"{_file(line[0])}, line {line[1]}"


def _file(frame: FrameType) -> str:
    file = without_folders(frame.f_code.co_filename)
    return Path(file).name if _is_own(frame) else file


def _blame(lines: Sequence[Line], own: Sequence[Line]) -> str:
    used = [module for frame, _ in reversed(lines) if (module := _module(frame)) not in SUITE]
    if lines and _module(lines[-1][0]) in SUITE:
        used += _imported(lines[-1][0])
    names = dict.fromkeys(name for module in used for name in _packages().get(module, ())[:1])
    versions = ", ".join([f"Python {python_version()}", *map(_version, ["mme-emotion", *names][:MOST_VERSIONS])])
    whose = f"{_file(own[-1][0])} or of what it calls" if own else "the suite or of a package"
    return f"a fault of {whose} ({versions})"


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
    try:
        return {module: names for module, names in packages_distributions().items() if module not in SUITE}
    except Exception:  # noqa: BLE001  an installation may be damaged in any way, and what tells of errors must not fail
        return {}


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:  # it runs from a folder that nobody has installed
        return package


@cache
def _folders() -> tuple[str, ...]:
    """Where code lies, the innermost folders first."""
    found = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found.add(str(Path(__file__).parents[1]))
    for find in (Path.cwd, Path.home):
        with suppress(OSError, RuntimeError):  # the folder is gone; the user has none
            found.add(str(find()))
    return tuple(sorted((folder for folder in found if len(folder) > 1), key=len, reverse=True))


def without_folders(text: str) -> str:
    """The text without the folders of packages, of the suite and of the user."""
    for folder in _folders():
        text = text.replace(folder + os.sep, "")
    return _OWN_FOLDER.sub("", text)
