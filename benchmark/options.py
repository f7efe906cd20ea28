"""Options: the fields of a frozen dataclass, given on the command line, in a file or in pytest's ini section."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, field, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

from annotated_types import Ge
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from benchmark.errors import RunError

T = TypeVar("T")


def option(default: object, metavar: str, text: str, *, repeated: bool = False) -> Any:
    """A field that is an option: `--name-of-field METAVAR`, `mme_name_of_field` in the ini section.

    One that is `repeated` may be given several times on the command line.
    """
    return field(default=default, metadata={"metavar": metavar, "help": text, "repeated": repeated})


def flag_of(name: str) -> str:
    """How the option is spelt on the command line."""
    return "--" + name.replace("_", "-")


def split(value: object) -> object:
    """Comma-separated text, or several of them, as a tuple; anything else as it is."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = ",".join(value)
    return parts_of(value) if isinstance(value, str) else value


def parts_of(text: str) -> tuple[str, ...]:
    """What stands between the commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


_BETWEEN_PAIRS = re.compile(r",(?=[^,=\"{}\[\]]+=)|,\s*$")
"""Commas before a name and `=`; JSON has none of its own that are followed so."""

Listed = Annotated[tuple[str, ...], BeforeValidator(split)]
"""Several values, comma-separated on the command line."""


def split_pairs(value: object) -> object:
    """Comma-separated `K=V` pairs, or a table, as a tuple of them; anything else as it is."""
    if isinstance(value, Mapping):
        return tuple(value.items())
    if isinstance(value, str):
        value = [part.strip() for part in _BETWEEN_PAIRS.split(value) if part.strip()]
    return tuple(map(_pair, value)) if isinstance(value, list) else value


def _pair(text: str) -> tuple[str, object]:
    name, given, value = text.partition("=")
    if not (given and name.strip()):
        raise ValueError(f"{text} is not K=V")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        if "," in value:
            raise ValueError(f"{value.rpartition(',')[2].strip()} is not K=V") from None
        return name.strip(), value.strip()


Parameters = Annotated[tuple[tuple[str, Any], ...], BeforeValidator(split_pairs)]
"""`K=V` pairs, comma-separated on the command line; a value that is JSON is taken as such, else as text."""


def parse_pairs(name: str, value: str | None) -> tuple[tuple[str, Any], ...]:
    """The `K=V` pairs of an option that no dataclass declares; none where it was not given.

    Raises:
        RunError: it is malformed; names the option and the value.
    """
    try:
        return TypeAdapter(Parameters).validate_python(value or "")
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise RunError(f"{flag_of(name)}={value} is malformed: {said}") from error


def _prices(value: object) -> object:
    parts = split_pairs(value)
    return tuple((name, _price(name, price)) for name, price in parts) if isinstance(parts, tuple) else parts


def _price(name: str, price: object) -> object:
    if not isinstance(price, str):
        return price
    each = price.split("/")
    if len(each) != 2:
        raise ValueError(f"{name}={price} is not NAME=INPUT/OUTPUT")
    return tuple(each)


Prices = Annotated[
    tuple[tuple[str, tuple[Annotated[float, Ge(0)], Annotated[float, Ge(0)]]], ...], BeforeValidator(_prices)
]
"""`NAME=INPUT/OUTPUT` pairs, comma-separated on the command line: USD per million tokens."""


def declared(kind: type[Any]) -> tuple[Field[Any], ...]:
    """The options that a dataclass declares."""
    return tuple(field for field in fields(kind) if "help" in field.metadata)


def read_option_file(path: Path, is_option: Callable[[str], bool]) -> Mapping[str, object]:
    """The options kept in a TOML file, by field name; written with `-` or `_`.

    Raises:
        RunError: the file cannot be read, is no TOML, or names an unknown option.
    """
    try:
        kept = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RunError(f"--config: {path} cannot be used ({error}).") from error
    values = {name.replace("-", "_"): value for name, value in kept.items()}
    if strange := [name for name in values if not is_option(name)]:
        raise RunError(f"--config: {path} sets {', '.join(strange)}, which is no option; see pytest --help.")
    return values


def parse_options(kind: type[T], given: Mapping[str, object]) -> T:
    """The dataclass made of what was given, text turned into numbers, paths and lists.

    Raises:
        RunError: a value is malformed; names the option and the value.
    """
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        said = problem["msg"].removeprefix("Value error, ")
        raise RunError(f"{flag_of(name)}={problem['input']} is malformed: {said}") from error
