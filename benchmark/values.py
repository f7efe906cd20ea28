"""Values that an option may take besides numbers and paths: lists, parameters, prices."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge
from pydantic import BeforeValidator


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
