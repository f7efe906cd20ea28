"""Imports what `MODULE:ATTRIBUTE` names: a model, a metric or a reader of folders."""

import inspect
from importlib import import_module
from operator import attrgetter
from typing import Any

from benchmark.errors import RunError, boundary


def import_named(path: str, subject: str, *, call: bool = False) -> Any:
    """The object at `MODULE:ATTRIBUTE`; with `call`, what a class or a function returns when called without arguments.

    Raises:
        RunError: the path is malformed, or the object cannot be had; the message begins with `subject`.
    """
    module, _, attribute = path.partition(":")
    if not (module and attribute):
        raise RunError(f"{subject} is malformed: {path!r} is not of the form MODULE:ATTRIBUTE.")
    try:
        with boundary(RunError):  # the user's own code may raise anything
            found = attrgetter(attribute)(import_module(module))
            return found() if call and (inspect.isclass(found) or inspect.isroutine(found)) else found
    except RunError as error:
        raise RunError(f"{subject} cannot be used: {str(error).rstrip('.')}.") from error
