"""A suite: a benchmark's tasks, and how its questions are read.

A suite is a folder with a `suite.toml` and a `question.txt`, in `benchmark/suites/` or in a package of another project.
Such a project declares the package as an entry point of the group `mme_emotion.suites`:

    [project.entry-points."mme_emotion.suites"]
    my-suite = "my_package.my_suite"
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.errors import RunError
from benchmark.task import Task, spelling
from benchmark.text import did_you_mean

DEFAULT = "mme-emotion"
GROUP = "mme_emotion.suites"
OVERALL = "overall"
"""The key of the scores over all tasks; no task may have this name."""

DRAWN = "drawn clips"
"""What a demo usually consists of."""

_HERE = Path(__file__).parent / "suites"


class Suite(BaseModel):
    """The contents of `suite.toml`.

    Attributes:
        name: the value of `--suite`.
        title: its name in reports.
        task: the tasks, in the order in which they are shown.
        reader: `MODULE:FUNCTION` that reads a folder of the suite's own layout (`read_samples` says how it is called);
            empty if the data is only a table of samples.
        layout: what such a folder looks like, for the message that no questions were found.
        published: the file with what is published: `models` by name, perhaps none, each with `overall` and `tasks`,
            each a mapping from measure to fraction; `samples` by task; the `extractor` and the `judge`, if any.
        demo: the folder or the table of samples that `--data=demo` reads, relative to `home`.
        caveats: why scores on the whole data still do not compare with the published ones, a clause each.
        demo_of: what the demo consists of, for the message that it measures nothing.
        data: where the data is had, in a few words, with the address; empty if it comes from the user alone.
        home: the suite's folder.
        members: the suites of which it consists, if it is several that are run together; their tasks are its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    title: str
    task: Annotated[tuple[Task, ...], Field(min_length=1)]
    reader: str = ""
    layout: str = ""
    published: str | None = None
    demo: str | None = None
    caveats: tuple[str, ...] = ()
    demo_of: str = DRAWN
    data: str = ""
    home: Path
    members: "tuple[Suite, ...]" = ()

    @property
    def places(self) -> "Mapping[str, Suite]":
        """The places that have scores over all tasks of a suite: `overall`, or the names of several suites."""
        return {member.name: member for member in self.members} or {OVERALL: self}

    @property
    def prompts(self) -> Sequence[Path]:
        """The files with its prompts, or with those of each of several suites."""
        return [path for suite in self.places.values() for path in sorted(suite.home.glob("*.txt"))]

    @cached_property
    def tasks(self) -> Mapping[str, Task]:
        """The tasks by name."""
        return {task.name: task for task in self.task}

    @cached_property
    def _spellings(self) -> Mapping[str, Task]:
        return {spelling(task.name): task for task in self.task}

    def task_named(self, name: str) -> Task | None:
        """The task of that name, in any spelling; None if there is none."""
        return self._spellings.get(spelling(name))

    def hint(self, name: str) -> str:
        """The end of a message about a task that there is not; several suites may have tasks called so."""
        same = [task.name for task in self.task if spelling(task.own_name) == spelling(name)]
        return f"; did you mean {' or '.join(same)}?" if same else did_you_mean(name, self.tasks)

    def task_around(self, path: str) -> Task | None:
        """The task that the innermost folder of a path with a task's name is named after; None if there is none."""
        folders = reversed(path.split("/")[:-1])
        return next((task for folder in folders if (task := self.task_named(folder))), None)

    @property
    def demo_data(self) -> Path | None:
        """The folder or the table of samples that `--data=demo` reads; None if the suite has no demo."""
        return (self.home / self.demo).resolve() if self.demo else None

    def read_published(self) -> Mapping[str, Any]:
        """The published scores, with the names that its tasks have; without models if the suite has none."""
        if self.published is None:
            return {"models": {}, "samples": {}, "doubtful": []}
        published: Mapping[str, Any] = json.loads((self.home / self.published).read_text("utf-8"))
        names = {task.own_name: task.name for task in self.task}

        def called(by_task: Mapping[str, Any]) -> Mapping[str, Any]:
            return {names.get(name, name): of for name, of in by_task.items()}

        models = {name: {**row, "tasks": called(row["tasks"])} for name, row in published["models"].items()}
        doubtful = [{**cell, "task": names.get(cell["task"], cell["task"])} for cell in published.get("doubtful", ())]
        return {**published, "models": models, "samples": called(published["samples"]), "doubtful": doubtful}


def is_within(place: str, task: str) -> bool:
    """Whether a place that has scores, `overall`, one of several suites or a task, contains the task of that name."""
    return place in (OVERALL, task, task.partition("/")[0])


def suite_names() -> Sequence[str]:
    """The values of `--suite`, including the suites of other packages."""
    ours = [path.parent.name.replace("_", "-") for path in sorted(_HERE.glob("*/suite.toml"))]
    return [*ours, *sorted(point.name for point in entry_points(group=GROUP))]


@cache
def find_suite(name: str = DEFAULT) -> Suite:
    """The suite of that name; for several names with commas between them, these suites as one.

    Raises:
        RunError: there is no such suite, its `suite.toml` is malformed, or a suite is named twice.
    """
    if "," in name:
        return _together([part.strip() for part in name.split(",") if part.strip()])
    home = _HERE / name.replace("-", "_")
    if name.replace("_", "-") in suite_names() and (home / "suite.toml").is_file():
        return read_suite(home)
    for point in entry_points(group=GROUP, name=name):
        suite = read_suite(_folder_of(point.value, name))
        if suite.name != name:
            raise RunError(f"{suite.home} names the suite {suite.name}, its entry point {name}: use one name for both.")
        return suite
    known = suite_names()
    raise RunError(f"--suite={name} is unknown{did_you_mean(name, known)}; the suites are {', '.join(known)}.")


def _together(names: Sequence[str]) -> Suite:
    """Several suites as one, in alphabetical order, so that the order in which they are named changes nothing."""
    found = [find_suite(name) for name in sorted(names)]
    if len(found) < 2 or len(set(names)) < len(names):
        raise RunError(f"--suite={','.join(names)} must name different suites.")
    members: list[Suite] = []
    place = 0
    for one in found:
        tasks = [replace(task, name=f"{one.name}/{task.name}", suite=one.name) for task in one.task]
        tasks = [replace(task, place=place + task.place) for task in tasks]
        stated = {name: getattr(one, name) for name in Suite.model_fields}
        members.append(Suite(**{**stated, "task": tuple(tasks)}))
        place += len(tasks)
    return Suite(
        name=",".join(one.name for one in found),
        title=" + ".join(one.title for one in found),
        task=tuple(task for member in members for task in member.task),
        demo_of=", ".join(dict.fromkeys(one.demo_of for one in found)),
        home=_HERE,
        members=tuple(members),
    )


def suite_of(provenance: Mapping[str, Any]) -> Suite:
    """The suite of a run; runs of older versions, which had only one suite, do not name it.

    In the provenance of the part of a report that is about one of several suites, `part` names it.

    Raises:
        RunError: the suite is not installed here.
    """
    suite = find_suite(str(provenance.get("suite") or DEFAULT))
    return suite.places.get(str(provenance.get("part")), suite)


def _folder_of(package: str, name: str) -> Path:
    try:
        return Path(str(import_module(package).__file__)).parent
    except ImportError as error:
        raise RunError(f"--suite={name}: cannot import its package {package} ({error}).") from error


def read_suite(home: Path) -> Suite:
    """The suite in a folder.

    Raises:
        RunError: `suite.toml` is missing or malformed; names the key.
    """
    path = home / "suite.toml"
    try:
        stated = tomllib.loads(path.read_text("utf-8"))
        tasks = [{**task, "place": place, "suite": ""} for place, task in enumerate(stated.get("task", ()))]
        suite = Suite.model_validate({**stated, "task": tasks, "home": home, "members": ()})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RunError(f"Cannot read the suite {path} ({error}).") from error
    except (ValidationError, TypeError) as error:
        where = error.errors()[0] if isinstance(error, ValidationError) else {"loc": ("task",), "msg": "must be tables"}
        raise RunError(f"The suite {path} is malformed: {'.'.join(map(str, where['loc']))}: {where['msg']}.") from error
    names = [task.name for task in suite.task]
    if len({*names, OVERALL}) <= len(names) or "/" in "".join(names):
        raise RunError(
            f"The suite {path} is malformed: task names must differ, and none may be `{OVERALL}` or contain a slash."
        )
    return suite
