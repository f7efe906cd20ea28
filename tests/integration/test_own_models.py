"""Models that have code of their own: a worker with a shim, and the examples of docs/models.md."""

import ast
import re
from pathlib import Path

from tests.benchmark.test_shim_worker import serving
from tests.integration.runs import ROOT, run

PAGE = (ROOT / "docs" / "models.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
RULES = ("--judge=rules", "--extractor=rules", "--tb=no", "-q", "--limit=8")
SHIM = """
from pathlib import Path

def answer_batch(asked):
    for one in asked:
        if "intent" in one.question:
            raise ValueError(f"no face in {one.video}")
        assert Path(one.video).read_bytes()[4:8] == b"ftyp"
        assert Path(one.audio).read_bytes()[:4] == b"RIFF"
    return [one.question.split("Candidate labels: ")[1].split(";")[0] for one in asked]
"""


def test_a_worker_is_evaluated_and_what_it_cannot_answer_is_an_error(tmp_path: Path) -> None:
    with serving(tmp_path / "worker", SHIM, "--batch=4") as worker:
        asked = (f"--model=openai:{worker.name}", f"--base-url={worker.url}", "--modalities=clip,audio", *RULES)
        first = run(tmp_path, *asked)
        again = run(tmp_path, *asked, f"--run-dir={tmp_path / 'again'}")
    errors = [record["error"] for record in first.records if record["outcome"] == "error"]
    assert len(errors) == 1, first.output
    assert "answered 424: the shim failed: ValueError: no face in" in errors[0]
    assert first.report["overall"]["scored"] == 7
    assert "7 replies of the model from the cache." in again.output


def test_the_examples_of_own_models_run_and_share_their_replies(tmp_path: Path) -> None:
    for text in EXAMPLES:
        if name := re.match(r"# (my_model|my_batches)\.py\n", text):
            (tmp_path / f"{name[1]}.py").write_text(text)
    one = run(tmp_path, "--model=python:my_model:Loudness", *RULES, PYTHONPATH=str(tmp_path))
    assert one.report["overall"]["scored"] == 8, one.output
    assert "from the cache" not in one.output
    folders = (f"--run-dir={tmp_path / 'two'}",)
    two = run(tmp_path, "--model=python:my_batches:Batches", *RULES, *folders, PYTHONPATH=str(tmp_path))
    assert "8 replies of the model from the cache." in two.output
    fresh = run(tmp_path, "--model=python:my_batches:Batches", "--no-cache", *RULES, PYTHONPATH=str(tmp_path))
    assert "from the cache" not in fresh.output
    assert {record["id"]: record["answer"] for record in fresh.records} == {
        record["id"]: record["answer"] for record in one.records
    }


def test_every_shim_of_the_page_is_short_and_has_the_function() -> None:
    shims = [text for text in EXAMPLES if "\ndef answer(" in text]
    assert len(shims) == 8
    for text in shims:
        tree = ast.parse(text, feature_version=(3, 8))
        (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        assert [argument.arg for argument in function.args.args] == ["video", "audio", "subtitle", "question"]
        assert len([line for line in text.splitlines() if line.strip()]) <= 27
