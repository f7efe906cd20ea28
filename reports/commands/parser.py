"""The parser of `mme-emotion`, which suggests the option or command that was probably meant."""

import argparse
import re
from typing import Any, NoReturn, TypeAlias

from benchmark.text import did_you_mean

_CHOICE = re.compile(r"invalid choice: '(?P<given>.*)' \(choose from (?P<known>.*)\)")
"""The message of argparse in all versions so far; with another wording there is no hint."""


class Parser(argparse.ArgumentParser):
    """argparse's parser, with hints for unknown options and commands; its subparsers are of the same type."""

    def __init__(self, *args: Any, **given: Any) -> None:
        """As argparse's."""
        self._flags: list[str] = []
        super().__init__(*args, **given)

    def add_argument(self, *names: Any, **how: Any) -> argparse.Action:
        """As argparse's; also stores the names of options."""
        action = super().add_argument(*names, **how)
        self._flags += action.option_strings
        return action

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but exits with a hint if an unknown option is similar to one of this command.

        The parser of a command gets only the options after its name, so it compares them with its own options.
        """
        known, unknown = super().parse_known_args(args, namespace)
        for flag in (argument.partition("=")[0] for argument in unknown):
            if flag.startswith("--") and (hint := did_you_mean(flag, self._flags)):
                self.error(f"unknown option {flag}{hint}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        """As argparse's, with a hint for a mistyped command."""
        if wrong := _CHOICE.search(message):
            message += did_you_mean(wrong["given"], re.findall(r"[\w-]+", wrong["known"]))
        super().error(message)


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""What `add_subparsers` returns: commands are added to it."""
