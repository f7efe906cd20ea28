"""The wording of requests: templates, which a user may replace."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template

from benchmark.errors import RunError
from benchmark.text import storable


def read_templates(home: Path, replacements: Path | None = None) -> Mapping[str, Template]:
    """The templates of the folder `home` by name, each replaced by the file of that name in `replacements`, if any.

    Placeholders are `$name`, and are filled in one pass: a question that contains `$labels` is not expanded.

    Raises:
        RunError: a replacement cannot be read, or has other placeholders than the template that it replaces.
    """
    templates = {path.stem: Template(path.read_text("utf-8")) for path in sorted(home.glob("*.txt"))}
    if replacements is None:
        return templates
    return {name: _replaced(template, replacements / f"{name}.txt") for name, template in templates.items()}


def check_replacements(folder: Path | None, known: Iterable[Path]) -> None:
    """Refuses a folder without templates, or with one that is not among the `known` ones.

    Raises:
        RunError: the folder is refused; the message lists the possible names.
    """
    if folder is None:
        return
    names = sorted(path.name for path in known)
    found = sorted(path.name for path in folder.glob("*.txt")) if folder.is_dir() else []
    if not found or set(found) - set(names):
        what = ", ".join(found) or "no template"
        raise RunError(f"--prompts: {folder} contains {what}; the possible names are {', '.join(names)}.")


def _replaced(template: Template, path: Path) -> Template:
    if not path.exists():
        return template
    try:
        replacement = Template(storable(path.read_text("utf-8-sig", "surrogatepass")))
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"The prompt {path} cannot be read ({error}).") from error
    wanted = set(template.get_identifiers())
    if not replacement.is_valid() or set(replacement.get_identifiers()) != wanted:
        names = ", ".join(f"${name}" for name in sorted(wanted))
        raise RunError(f"The prompt {path} must use each of these placeholders and no other: {names} (write $$ for $).")
    return replacement
