"""`python:MODULE:ATTRIBUTE`: a model, or a judge, of the user's own."""

import inspect
from importlib import import_module
from operator import attrgetter

from benchmark.errors import RunError, boundary


def imported(rest: str) -> object:
    """What the attribute holds, called without arguments where it is a class or a function.

    Raises:
        RunError: the module or the attribute is not to be had, or fails.
    """
    module, _, attribute = rest.partition(":")
    if not (module and attribute):
        raise RunError(f"python:{rest} is malformed: give python:MODULE:ATTRIBUTE.")
    try:
        with boundary(RunError):  # code of the user's own may raise anything
            found: object = attrgetter(attribute)(import_module(module))
            return found() if inspect.isclass(found) or inspect.isroutine(found) else found
    except RunError as error:
        raise RunError(f"python:{rest} cannot be used: {str(error).rstrip('.')}.") from error
