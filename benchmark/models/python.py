"""`python:MODULE:ATTRIBUTE`: a model, or a judge, of the user's own."""

from collections.abc import Sequence
from importlib import import_module

from benchmark.errors import RunError
from benchmark.model import ModelOptions
from benchmark.task import Sample


def build(rest: str, options: ModelOptions, samples: Sequence[Sample]) -> object:  # noqa: ARG001  one signature for all
    """What the attribute holds, called without arguments where it is a class or a function.

    Raises:
        RunError: the module or the attribute is not to be had.
    """
    module, _, attribute = rest.partition(":")
    if not (module and attribute):
        raise RunError(f"python:{rest} is malformed: give python:MODULE:ATTRIBUTE.")
    try:
        found: object = getattr(import_module(module), attribute)
        return found() if callable(found) and not hasattr(found, "__self__") else found
    except (ImportError, AttributeError, TypeError) as error:
        raise RunError(f"python:{rest} cannot be used: {error}.") from error
