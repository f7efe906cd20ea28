"""A command that asks for a verdict gives one, or does not start."""

from pathlib import Path

import pytest

from benchmark.plugin import CASES, SHOWING
from reports.plugin import RUN_PATH

KEPT = ["--gate=none.toml", "--baseline=none", "--until-decided", "-omme_gate=none.toml", "--config={kept}"]


def ended(*arguments: str) -> int:
    """The exit code of a command that comes to its end before anything is asked."""
    return int(pytest.main([*arguments, "-pno:hypothesispytest"]))


@pytest.mark.parametrize("showing", [*SHOWING.values(), "--help", "--version"])
def test_what_only_shows_something_gives_no_verdict(capfd: pytest.CaptureFixture[str], showing: str) -> None:
    assert ended(str(CASES), "--gate=none.toml", showing, showing) == 4  # pytest itself answers a single --version
    said = capfd.readouterr().err
    assert "--gate asks for a verdict, and --" in said
    assert showing in said


@pytest.mark.parametrize("given", KEPT)
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ([str(CASES), "--collect-only"], "asks for a verdict, and --collect-only gives none"),
        ([__file__, "-knothing"], "applies to the benchmark's cases, which are not among what pytest collects"),
    ],
    ids=["shown", "not collected"],
)
def test_wherever_it_is_asked_for(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, given: str, command: list[str], said: str
) -> None:
    (tmp_path / "kept.toml").write_text('gate = "none.toml"')
    assert ended(*command, given.format(kept=tmp_path / "kept.toml")) == 4
    assert said in capfd.readouterr().err


@pytest.mark.parametrize("command", [[str(CASES), "--help"], [str(CASES), "--collect-only", "--gate="]])
def test_a_project_whose_ini_section_has_a_gate_can_be_looked_at(command: list[str]) -> None:
    assert ended(*command, "-omme_gate=none.toml") == 0


class _Ends:
    """A plugin that ends pytest in place of its run."""

    def __init__(self, how: type[SystemExit] | None = None) -> None:
        self.how = how

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self) -> int:
        if self.how is not None:
            raise self.how(0)
        return 0


class _Exits:
    """Another, which comes later, when it is settled where the run will be kept."""

    place: Path | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        self.place = config.stash[RUN_PATH]
        pytest.exit("enough", 0)


@pytest.mark.parametrize("plugin", [_Ends(), _Ends(SystemExit), _Exits()], ids=["answers", "exits", "configures"])
def test_a_plugin_that_ends_pytest_gives_no_pass(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, plugin: object
) -> None:
    command = [str(CASES), f"--run-dir={tmp_path}", "--gate=none.toml"]
    assert int(pytest.main(command, plugins=[plugin])) == 3
    assert "the gate has not been decided" in capfd.readouterr().err


def test_a_run_s_folder_is_named_after_the_model_of_an_ini_section() -> None:
    plugin = _Exits()
    assert int(pytest.main([str(CASES), "-omme_model=random"], plugins=[plugin])) == 0
    assert plugin.place is not None
    assert plugin.place.name.startswith("random-")


@pytest.mark.parametrize("option", ["--lf", "--sw", "--stepwise-skip", "--sw-reset", "--looponfail"])
def test_what_failed_last_time_is_no_fair_sample(capfd: pytest.CaptureFixture[str], option: str) -> None:
    assert int(pytest.main([str(CASES), "--gate=none.toml", option])) == 4
    assert "selects what failed last time, but --gate needs all samples" in capfd.readouterr().err
