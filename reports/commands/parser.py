"""The parser of `mme-emotion`, which names the option that an unknown one is like."""

import argparse
import re
from typing import Any, NoReturn, TypeAlias

from benchmark.text import did_you_mean

_CHOICE = re.compile(r"invalid choice: '(?P<given>.*)' \(choose from (?P<known>.*)\)")
"""As argparse words it, in all versions; in another wording there is no hint."""


class Parser(argparse.ArgumentParser):
    """A parser of argparse with a hint for what it does not know; its commands are parsers of the same kind."""

    def __init__(self, *args: Any, **given: Any) -> None:
        """As argparse's."""
        self._flags: list[str] = []
        super().__init__(*args, **given)

    def add_argument(self, *names: Any, **how: Any) -> argparse.Action:
        """As argparse's; remembers the names of options."""
        action = super().add_argument(*names, **how)
        self._flags += action.option_strings
        return action

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but an unknown option that looks like one of this command is refused with its name.

        A command's parser sees the options behind its name only, so the names that it knows are the right ones.
        """
        known, unknown = super().parse_known_args(args, namespace)
        for flag in (argument.partition("=")[0] for argument in unknown):
            if flag.startswith("--") and (hint := did_you_mean(flag, self._flags)):
                self.error(f"unknown option {flag}{hint}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        """As argparse's, with the command that a mistyped one is like."""
        if wrong := _CHOICE.search(message):
            message += did_you_mean(wrong["given"], re.findall(r"[\w-]+", wrong["known"]))
        super().error(message)


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""Where commands are declared."""
