"""Options: the fields of a frozen dataclass, set on a command line, in a file or in pytest's ini section."""

import json
import re
import tomllib
from argparse import Namespace
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

from annotated_types import Ge
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from benchmark.errors import RunError
from benchmark.text import did_you_mean

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One option of a dataclass.

    Attributes:
        name: as files and the ini section spell it, e.g. `judge_base_url`.
        path: the field, or the field and its field, that holds the value, e.g. `judge` and `base_url`.
        metavar: the value's placeholder; empty for a switch, which takes none.
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
        """How it is spelt on the command line."""
        return flag_of(self.name)

    def of(self, options: object) -> Any:
        """Its value in an instance of the dataclass."""
        for name in self.path:
            options = getattr(options, name)
        return options


def option(default: object, metavar: str, text: str, *, repeated: bool = False) -> Any:
    """A field that is an option: `--name-of-field METAVAR`, `mme_name_of_field` in the ini section.

    One that is `repeated` may be given several times on the command line.
    """
    return field(default=default, metadata={"metavar": metavar, "help": text, "repeated": repeated})


def option_group(default: object, text: str, *, repeated: bool = False) -> Any:
    """A field whose value is a dataclass of options: `--field` sets its first field, `--field-NAME` its field NAME.

    `text` is the help of `--field`, which may be `repeated`; in the helps of the others `{}` stands for the field.
    """
    return field(default=default, metadata={"group": type(default), "help": text, "repeated": repeated})


def flag_of(name: str) -> str:
    """How the option is spelt on the command line."""
    return "--" + name.replace("_", "-")


def declared(kind: type[Any]) -> tuple[Declared, ...]:
    """The options that a dataclass declares."""
    return tuple(_declared(kind))


def _declared(kind: type[Any]) -> Iterator[Declared]:
    for one in fields(kind):
        stated = one.metadata
        if "group" in stated:
            first, *others = declared(stated["group"])
            yield Declared(
                name=one.name,
                path=(one.name, *first.path),
                metavar=first.metavar,
                help=stated["help"],
                repeated=stated["repeated"],
                default=first.of(one.default),
            )
            for other in others:
                yield Declared(
                    name=f"{one.name}_{other.name}",
                    path=(one.name, *other.path),
                    metavar=other.metavar,
                    help=other.help.format(one.name.replace("_", " ")),
                    repeated=other.repeated,
                    default=other.of(one.default),
                )
        elif "help" in stated:
            default = None if one.default is MISSING else one.default
            yield Declared(name=one.name, path=(one.name,), default=default, **stated)


def declare(
    kind: type[Any],
    add: Callable[..., object],
    names: Collection[str] | None = None,
    changes: Mapping[str, Mapping[str, object]] | None = None,
) -> None:
    """Declares the dataclass's options, or those `names` only, to argparse or to pytest.

    Args:
        kind: the dataclass.
        add: `add_argument` of a parser of argparse, or `addoption` of pytest's.
        names: which options.
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
    """The dataclass made of those of its options that argparse has read.

    Raises:
        RunError: a value is malformed.
    """
    return parse_options(kind, {one.name: getattr(asked, one.name, None) for one in declared(kind)})


def read_option_file(path: Path, known: Callable[[], Sequence[str]]) -> Mapping[str, object]:
    """The options kept in a TOML file, by name; written with `-` or `_`. `known` gives the names of all options.

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
    """The dataclass made of options by name, text turned into numbers, paths and lists; None and "" are not given.

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
"""Pydantic's errors about bounds: the name of the bound, and how a sentence puts it."""

_KINDS = {"int": "a whole number", "float": "a number", "finite": "a finite number", "bool": "true or false"}
"""What a value must be, by the first part of Pydantic's type of error."""


def _complaint(problem: Mapping[str, Any]) -> str:
    """What is wrong with a value, to be read behind the name of its option."""
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
    """The parts between the commas, without blanks around them; empty ones are dropped."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


_BETWEEN_PAIRS = re.compile(r",(?=[^,=\"{}\[\]]+=)|,\s*$")
"""Commas before a name and `=`; a comma inside JSON is never followed by these."""

Listed = Annotated[tuple[str, ...], BeforeValidator(split)]
"""Several values, comma-separated on the command line."""


def split_pairs(value: object, form: str = "K=V") -> object:
    """Comma-separated `K=V` pairs, or a table, as a tuple of pairs; anything else unchanged.

    Raises:
        ValueError: a part is no pair; names the `form` that it must have.
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
