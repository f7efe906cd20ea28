"""Whether two names stand for one model: providers answer an undated name with a dated snapshot of it.

asked                          answered                     the same?
gpt-4o                         gpt-4o-2024-08-06            yes, a dated snapshot
claude-haiku-4-5               claude-haiku-4-5-20251001    yes, a dated snapshot
gemini-2.5-pro-preview         …-preview-06-05              yes, a dated preview, as Google names it
gemini-2.0-flash               gemini-2.0-flash-001         yes, a numbered one, as Google's
mistral-large-latest           mistral-large-2411           yes: the latest is one of them
gemini-2.5-pro                 models/gemini-2.5-pro        yes, a folder may be named or omitted
gpt-4o                         gpt-4o-mini                  no
gpt-4o-2024-08-06              gpt-4o-2024-11-20            no
gpt-4o-2024-08-06              gpt-4o                       no: that may be any snapshot
gemini-2.5-pro                 gemini-3.8-flash             no
"""

import re
from collections.abc import Iterable
from datetime import datetime

_STAMP = re.compile(r"[-@:](?P<date>20\d\d-\d\d-\d\d|\d\d-20\d\d|\d\d-\d\d|20\d{6}|\d{6}|\d{4})|-0\d\d", re.ASCII)
_FORMS = ("%Y-%m-%d", "%m-%Y", "%Y%m%d", "%y%m%d", "%y%m")
_LEAP_YEAR = 2024


def is_same_model(asked: str, answered: str) -> bool:
    """Whether the model that answered is the one asked for, or a dated or numbered snapshot of it."""
    return any(one == other or _is_snapshot(one, other) for one, other in _comparable(asked, answered))


def one_for_each(names: Iterable[str]) -> tuple[str, ...]:
    """The different models among names, in order: an undated name and a snapshot of it are one, named as the latter."""
    found: list[str] = []
    for name in dict.fromkeys(names):
        alike = next((place for place, other in enumerate(found) if is_same_model(other, name)), None)
        if alike is not None:
            found[alike] = name
        elif not any(is_same_model(name, other) for other in found):
            found.append(name)
    return tuple(found)


def _comparable(asked: str, answered: str) -> list[tuple[str, str]]:
    """The names in lower case, and their last parts if only one of them has a folder, as `openai/gpt-4o` has."""
    one, other = map(_plain, (asked, answered))
    pairs = [(one, other)]
    if ("/" in one) != ("/" in other):
        pairs.append((one.rpartition("/")[2], other.rpartition("/")[2]))
    return pairs


def _plain(name: str) -> str:
    return re.sub("[-:]latest$", "", name.strip().strip("/").lower().removeprefix("models/"))


def _is_snapshot(name: str, other: str) -> bool:
    """Whether the other name is this one followed by a date or by a number of three digits."""
    stamp = _STAMP.fullmatch(other.removeprefix(name)) if other.startswith(name) else None
    if stamp is None or stamp["date"] is None:
        return stamp is not None
    day: str = stamp["date"]
    return any(_is_date(text, form) for text in (day, f"{_LEAP_YEAR}-{day}", f"{_LEAP_YEAR}{day}") for form in _FORMS)


def _is_date(text: str, form: str) -> bool:
    try:
        return datetime.strptime(text, form).strftime(form) == text
    except ValueError:
        return False
