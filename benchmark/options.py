"""Options: the fields of a frozen dataclass, set on the command line, in a file or in pytest's ini section."""

import json
import re
import tomllib
from argparse import Namespace
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from annotated_types import Ge
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from benchmark.errors import RunError
from benchmark.text import did_you_mean

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One option of a dataclass.

    Attributes:
        name: its name in files and, after `mme_`, in the ini section, e.g. `judge_base_url`.
        path: the field that holds the value, behind the field of its group if any, e.g. `judge` and `base_url`.
        metavar: the value's placeholder; empty for a switch, which takes no value.
        help: one line for `--help`.
        repeated: whether it may be given several times on the command line.
        default: the value if it is not given.
    """

    name: str
    path: tuple[str, ...]
    metavar: str
    help: str
    repeated: bool
    default: object

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return flag_of(self.name)

    def of(self, options: object) -> Any:
        """Its value in an instance of the dataclass."""
        for name in self.path:
            options = getattr(options, name)
        return options


def option(default: object, metavar: str, text: str, *, repeated: bool = False) -> Any:
    """A field that is an option: `--name-of-field METAVAR`, or `mme_name_of_field` in the ini section.

    A `repeated` option may be given several times on the command line.
    """
    return field(default=default, metadata={"metavar": metavar, "help": text, "repeated": repeated})


def switch(text: str) -> Any:
    """A field that is an option without a value, which makes it true."""
    return option(default=False, metavar="", text=text)


def option_group(default: object, text: str, *, repeated: bool = False) -> Any:
    """A field whose value is a dataclass of options: `--field` sets its first field, `--field-NAME` its field NAME.

    `text` is the help of `--field`, which may be `repeated`. In the help texts of the other fields, `{}` is replaced by
    the name of this field.
    """
    return field(default=default, metadata={"group": type(default), "help": text, "repeated": repeated})


def flag_of(name: str) -> str:
    """The option's name on the command line: `--judge-base-url` of `judge_base_url`."""
    return "--" + name.replace("_", "-")


def declared(kind: type[Any]) -> Iterator[Declared]:
    """The options that a dataclass declares, in the order of its fields."""
    for one in fields(kind):
        stated = one.metadata
        if "group" in stated:
            first, *others = (
                replace(part, path=(one.name, *part.path), default=part.of(one.default))
                for part in declared(stated["group"])
            )
            yield replace(first, name=one.name, help=stated["help"], repeated=stated["repeated"])
            for other in others:
                words = other.help.format(one.name.replace("_", " "))
                yield replace(other, name=f"{one.name}_{other.name}", help=words)
        elif "help" in stated:
            yield Declared(name=one.name, path=(one.name,), default=one.default, **stated)


def declare(
    kind: type[Any],
    add: Callable[..., object],
    names: Collection[str] | None = None,
    changes: Mapping[str, Mapping[str, object]] | None = None,
) -> None:
    """Declares the dataclass's options to argparse or to pytest.

    Args:
        kind: the dataclass.
        add: `add_argument` of a parser of argparse, or `addoption` of a group of pytest's.
        names: only these options; None for all.
        changes: arguments of `add` that replace the usual ones, by option.
    """
    for one in declared(kind):
        if names is not None and one.name not in names:
            continue
        how: dict[str, object] = {"help": one.help, "default": None}
        how |= {"metavar": one.metavar} if one.metavar else {"action": "store_true"}
        how |= {"action": "append"} if one.repeated else {}
        add(one.flag, **how | dict((changes or {}).get(one.name, {})))


def read_arguments(kind: type[T], asked: Namespace) -> T:
    """An instance of the dataclass with the values that argparse has read.

    Raises:
        RunError: a value is malformed; names the option and the value.
    """
    return parse_options(kind, {one.name: getattr(asked, one.name, None) for one in declared(kind)})


def read_option_file(path: Path, known: Callable[[], Sequence[str]]) -> Mapping[str, object]:
    """The values of options in a TOML file, by name with `_`; the file may write `-`. `known` returns all valid names.

    Raises:
        RunError: the file cannot be read, is not TOML, or names an unknown option.
    """
    try:
        kept = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RunError(f"--config: cannot read {path} ({error}).") from error
    values = {name.replace("-", "_"): value for name, value in kept.items()}
    names = known()
    if unknown := [name for name in values if name not in names]:
        hint = did_you_mean(unknown[0], names) or "; pytest --help lists the options."
        raise RunError(f"--config: {path} sets unknown option {unknown[0]}{hint}")
    return values


def parse_options(kind: type[T], given: Mapping[str, object]) -> T:
    """An instance of the dataclass with values by option name; text becomes numbers, paths and lists.

    None and "" mean that an option is not given.

    Raises:
        RunError: a value is malformed; names the option and the value.
    """
    nested: dict[str, Any] = {}
    for one in declared(kind):
        if (value := given.get(one.name)) not in (None, ""):
            *outer, inner = one.path
            place = nested.setdefault(outer[0], {}) if outer else nested
            place[inner] = value
    try:
        return TypeAdapter(kind).validate_python(nested)
    except ValidationError as error:
        problem = error.errors()[0]
        where = problem["loc"]
        name = next(one.name for one in declared(kind) if where[: len(one.path)] == one.path)
        raise RunError(f"{flag_of(name)}{_complaint(problem)}") from error


_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "greater than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
"""The name and the wording of each bound, by Pydantic's type of error."""

_KINDS = {"int": "a whole number", "float": "a number", "finite": "a finite number", "bool": "true or false"}
"""What a value must be, by the first word of Pydantic's type of error."""


def _complaint(problem: Mapping[str, Any]) -> str:
    """What is wrong with a value, as the text after the name of its option."""
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f" must be {words} {context[bound]:g}, got {value}"
    if kind == "literal_error":
        choices = re.findall(r"'([^']+)'", context["expected"])
        return f" must be {context['expected'].replace(chr(39), '')}, got {value}{did_you_mean(value, choices)}"
    if (must := _KINDS.get(kind.partition("_")[0])) is not None:
        return f" must be {must}, got {value}"
    said = problem["msg"].removeprefix("Value error, ")
    return f" {said}" if said.startswith("must ") else f": {said}"


def split(value: object) -> object:
    """Comma-separated text, or a list of such texts, as a tuple; anything else unchanged."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = ",".join(value)
    return parts_of(value) if isinstance(value, str) else value


def parts_of(text: str) -> tuple[str, ...]:
    """The parts between commas, without surrounding spaces and without empty ones."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


_BETWEEN_PAIRS = re.compile(r",(?=[^,=\"{}\[\]]+=)|,\s*$")
"""Commas before a name and `=`, which never follow a comma inside JSON."""

AtLeastOne = Annotated[int, Ge(1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Listed = Annotated[tuple[str, ...], BeforeValidator(split)]
"""Several values, comma-separated on the command line."""


def split_pairs(value: object, form: str = "K=V") -> object:
    """Comma-separated `K=V` pairs, or a table, as a tuple of pairs; anything else unchanged.

    Raises:
        ValueError: a part is not a pair; the message names the `form` that it must have.
    """
    if isinstance(value, Mapping):
        return tuple(value.items())
    if isinstance(value, str):
        value = [part.strip() for part in _BETWEEN_PAIRS.split(value) if part.strip()]
    return tuple(_pair(part, form) for part in value) if isinstance(value, list) else value


def _pair(text: str, form: str) -> tuple[str, object]:
    name, given, value = text.partition("=")
    if not (given and name.strip()):
        raise ValueError(f"must be {form}, got {text}")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        if "," in value:
            raise ValueError(f"must be {form}, got {value.rpartition(',')[2].strip()}") from None
        return name.strip(), value.strip()


Parameters = Annotated[tuple[tuple[str, Any], ...], BeforeValidator(split_pairs)]
"""`K=V` pairs, comma-separated on the command line; a value that parses as JSON is JSON, any other is text."""


_PRICE = "NAME=INPUT/OUTPUT"


def _prices(value: object) -> object:
    pairs = split_pairs(value, _PRICE)
    return tuple((name, _price(name, price)) for name, price in pairs) if isinstance(pairs, tuple) else pairs


def _price(name: str, price: object) -> object:
    if not isinstance(price, str):
        return price
    each = price.split("/")
    if len(each) != 2:
        raise ValueError(f"must be {_PRICE}, got {name}={price}")
    return tuple(each)


Prices = Annotated[
    tuple[tuple[str, tuple[Annotated[float, Ge(0)], Annotated[float, Ge(0)]]], ...], BeforeValidator(_prices)
]
"""`NAME=INPUT/OUTPUT` pairs, comma-separated on the command line: USD per million tokens."""
