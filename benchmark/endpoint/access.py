"""What lets a request in at an endpoint, a key or a URL's user and password, and what of it must not be told."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.endpoint.redaction import SHORTEST_SECRET, Redactor, secrets_in
from benchmark.endpoint.urls import basic_of, passwords_of, shown, values_of
from benchmark.errors import RunError

NO_KEY = "none"


def read_key(key_env: str | None, model: str, *, asks: bool) -> str:
    """The key of the environment; `NO_KEY` where none is named, or where nobody `asks` and there is none.

    Raises:
        RunError: the variable is not set, or holds no key.
    """
    if key_env is None:
        return NO_KEY
    # a file's last newline is not part of the key in it
    key = os.environ.get(key_env, "").strip()
    if not key and asks:
        raise RunError(f"{model} needs a key: set the environment variable {key_env}.")
    if not (key.isascii() and (key.isprintable() or not key)):
        raise RunError(f"What {key_env} holds cannot be a key: copy it again, without line breaks.")
    return key or NO_KEY


def refuse_idle(urls: Sequence[str], key_env: str | None, key: str) -> None:
    """Says no to a key that would be sent nowhere: a URL's user and password take its place there, in one header.

    Raises:
        RunError: all URLs have them.
    """
    if key != NO_KEY and all(map(basic_of, urls)):
        raise RunError(
            f"{shown(urls[0])} is given with a user or a password, in whose place the key in {key_env} would have to be"
            " sent: leave the user out of the URL, or do not name the key."
        )


def redactor_of(model: str, key: str, urls: Sequence[str], parameters: Mapping[str, Any]) -> Redactor:
    """What takes off key, passwords, values of queries and secret parameters, but leaves the model its name.

    What is shorter than `SHORTEST_SECRET` and no password is a placeholder such as `EMPTY`, which an answer may well
    contain.
    """
    values = [value for url in urls for value in values_of(url) if value not in model]
    given = [secret for secret in (key, *values, *secrets_in(parameters)) if len(secret) >= SHORTEST_SECRET]
    return Redactor([*given, *(secret for url in urls for secret in passwords_of(url))])
