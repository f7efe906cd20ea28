"""What the documents tell people to type exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from reports.cli import main

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OURS = (
    "doctor",
    "rescore",
    "compare",
    "power",
    "view",
    "show",
    "merge",
    "judge check",
    "judge agree",
    "judge sheet",
    "cache prune",
    "suites",
    "questions",
    "worker",
)
OTHERS = re.compile(r"^.*(?:#SBATCH|\bray start|\bsrun|\bsbatch|\bvllm serve|\bhostname).*$", re.MULTILINE)
"""Lines whose options are those of other programs."""

EXAMPLES = {"--option"}
"""What stands for any option."""


@pytest.fixture(scope="module")
def known() -> set[str]:
    helped = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(re.findall(r"--[a-z][a-z-]+", helped.stdout))


def options_of(command: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    return set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_option_that_is_named_exists(document: Path, known: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    all_known = known.union(*(options_of(command, capsys) for command in OURS))
    ours = OTHERS.sub("", document.read_text("utf-8"))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+\b(?!-)", ours))
    assert sorted(named - all_known - EXAMPLES) == []


@pytest.mark.parametrize(
    ("document", "phrase"),
    [
        ("README.md", "95 % interval"),
        ("README.md", "sent again with growing pauses, up to eight times"),
        ("README.md", "If the first eight samples all fail in the same way, the run stops"),
        ("README.md", "After 15 minutes the run ends"),
        ("README.md", "returns three 5xx in a row, is taken out of use"),
        ("README.md", "after 1, 2, 4, … 30 s one request tries it again"),
        ("README.md", "to a factor of two once there are 50"),
        ("README.md", "a judge whose reply was unusable three times"),
        ("README.md", "a line does, twice a minute"),
        ("README.md", "(default 20)"),
        ("docs/providers.md", "60 days"),
        ("docs/providers.md", "768 pixels at most"),
        ("docs/cluster.md", "(`max_new_tokens`, 1024 unless you say otherwise"),
        ("docs/scaling.md", "384 samples wait for each"),
        ("docs/statistics.md", "looks after each twentieth of the samples, not before 100"),
        ("docs/statistics.md", "error · t³"),
        ("docs/gate.md", "The short check has 30, ten of them attacks"),
        ("docs/statistics.md", "draws up to a thousand of them"),
    ],
)
def test_the_limits_that_tests_hold_are_documented(document: str, phrase: str) -> None:
    """The tests of these limits hold the numbers themselves: change a limit in its document and its test alike."""
    assert phrase in " ".join((ROOT / document).read_text("utf-8").split())


def test_every_link_leads_to_a_file() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_path_that_is_named_exists() -> None:
    named = re.compile(r"`((?:benchmark|evaluators|reports|tests|docs|\.ci)/(?!runs/)[\w./-]+)(?=[`:])")
    found = {path for document in DOCUMENTS for path in named.findall(document.read_text("utf-8"))}
    assert len(found) > 40
    assert sorted(path for path in found if "NAME" not in path and not (ROOT / path).exists()) == []


def test_the_workflows_are_yaml_with_the_jobs_they_need() -> None:
    yaml = pytest.importorskip("yaml")
    github, gitlab, weekly = map(
        yaml.safe_load, re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "ci.md").read_text("utf-8"), re.DOTALL)
    )
    assert github["jobs"]["verdict"]["needs"] == "shard"
    assert set(gitlab) == {"stages", ".suite", "shard", "verdict"}
    makes = (ROOT / "Makefile").read_text("utf-8")
    assert all(f"\n{end}:" in makes for end in weekly["jobs"]["ends"]["strategy"]["matrix"]["end"])


def test_the_cluster_s_manifest_and_script_are_what_their_programs_read() -> None:
    yaml = pytest.importorskip("yaml")
    page = (ROOT / "docs" / "cluster.md").read_text("utf-8")
    (job,) = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", page, re.DOTALL))
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["rayVersion"], "without which KubeRay refuses the options"
    containers = [
        group["template"]["spec"]["containers"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])
    ]
    assert [["env" in one for one in group] for group in containers] == [[True], [False]], "keys are the head's alone"
    (script,) = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
