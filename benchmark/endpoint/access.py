"""Access to endpoints: the key, users and passwords in URLs, and how to keep both out of texts."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.endpoint.redaction import SHORTEST_SECRET, Redactor, secrets_in
from benchmark.endpoint.urls import basic_of, passwords_of, shown, values_of
from benchmark.errors import RunError

NO_KEY = "none"


def read_key(key_env: str | None, model: str, *, asks: bool) -> str:
    """The key in the environment variable `key_env`; `NO_KEY` if it is None, or if no key is set and nothing `asks`.

    Raises:
        RunError: the variable is not set, or its value cannot be a key.
    """
    if key_env is None:
        return NO_KEY
    key = os.environ.get(key_env, "").strip()  # a key read from a file often ends with a line break
    if not key and asks:
        raise RunError(f"{model} needs a key: set the environment variable {key_env}.")
    if not (key.isascii() and (key.isprintable() or not key)):
        raise RunError(f"The value of {key_env} cannot be a key: copy the key again, without line breaks.")
    return key or NO_KEY


def refuse_unused_key(urls: Sequence[str], key_env: str | None, key: str) -> None:
    """Refuses a key that would never be sent: a URL's user and password take its place in the same header.

    Raises:
        RunError: all URLs have a user or a password.
    """
    if key != NO_KEY and all(map(basic_of, urls)):
        raise RunError(
            f"{shown(urls[0])} is given with a user or a password, which would be sent in place of the key in"
            f" {key_env}: remove them from the URL, or do not name the key."
        )


def redactor_of(model: str, key: str, urls: Sequence[str], parameters: Mapping[str, Any]) -> Redactor:
    """Masks the key, passwords, values of queries and secret parameters in texts, but not the model's name.

    A secret shorter than `SHORTEST_SECRET` that is not a password is a placeholder such as `EMPTY`, which an answer may
    contain; it is not masked.
    """
    values = [value for url in urls for value in values_of(url) if value not in model]
    given = [secret for secret in (key, *values, *secrets_in(parameters)) if len(secret) >= SHORTEST_SECRET]
    return Redactor([*given, *(secret for url in urls for secret in passwords_of(url))])
