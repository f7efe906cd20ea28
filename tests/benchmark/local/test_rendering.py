"""Chat templates, which are programs of others: what they make is what Transformers makes, and they come to an end."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("torch")

from benchmark.local.checkpoint import find_checkpoint
from benchmark.local.loading import load_processor
from benchmark.local.rendering import CAUGHT, Renderer, Stopped
from benchmark.local.settings import LocalSettings

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
HONEST = "{% for m in messages %}{{ m.content[0].text }}{% endfor %}"


@pytest.fixture(scope="module")
def processor(checkpoint: Callable[[str], Path]) -> Any:
    settings = LocalSettings()
    return load_processor(find_checkpoint(str(checkpoint("qwen2.5-vl")), settings), settings)


@pytest.fixture
def told(processor: Any) -> Iterator[Any]:
    """The processor with a template of its own."""
    own = processor.chat_template
    yield processor
    processor.chat_template = own


def asked(text: str, *kinds: str) -> list[dict[str, Any]]:
    parts = [{"type": kind} for kind in kinds]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]


@pytest.mark.parametrize("text", ["Which?", "", '\u2028 é 😀 \x00 "quoted" \\ {{ messages }} </s>\n', f"{CAUGHT}[]"])
def test_a_template_makes_what_transformers_makes_of_it(told: Any, text: str) -> None:
    conversation = asked(text, "image", "video")
    usual = told.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
    assert text in usual
    assert Renderer(told).text(conversation) == usual


@pytest.mark.parametrize(
    "hostile",
    [
        ENDLESS,
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(90) }}",
        "{{ 10 ** (10 ** 9) }}",
        "{{ 'a' * 10 ** 10 }}",
        "{% set s = namespace(t='a') %}{% for a in range(40) %}{% set s.t = s.t + s.t %}{% endfor %}",
        "{{ '%999999999d' % 1 }}{{ 'a'.ljust(999999999) }}",
        "{{ 'a' * 2 ** 25 }}",
    ],
)
def test_a_template_that_does_not_end_is_ended(told: Any, hostile: str) -> None:
    told.chat_template = "{% if 'happy' in messages[0].content[0].text %}" + hostile + "{% endif %}" + HONEST
    renderer = Renderer(told, seconds=0.5)
    with pytest.raises(Stopped, match=r"^its chat template .* and was stopped$"):
        renderer.text(asked("happy or sad?"))
    told.chat_template = HONEST
    assert Renderer(told).text(asked("sad?")) == "sad?"


def test_a_template_s_own_words_are_told(told: Any) -> None:
    told.chat_template = "{{ raise_exception('no pictures here') }}"
    with pytest.raises(ValueError, match="its chat template fails: TemplateError: no pictures here"):
        Renderer(told).text(asked("Which?"))


def test_the_process_of_a_template_has_no_keys(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    told.chat_template = "{% if 'happy' in messages[0].content[0].text %}" + ENDLESS + "{% endif %}" + HONEST
    with pytest.raises(Stopped):
        Renderer(told, seconds=0.5).text(asked("happy"))
    told.chat_template = HONEST
    assert Renderer(told).text(asked("sad?")) == "sad?"

    ours = [child for child in psutil.Process().children() if "benchmark.local.rendering" in " ".join(child.cmdline())]
    assert ours
    assert not any("hf_secret" in child.environ().values() for child in ours)


def test_somebody_else_s_folder_of_our_name_is_not_run(
    told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "benchmark").mkdir()
    (tmp_path / "benchmark" / "__init__.py").write_text("raise SystemExit('theirs')", "utf-8")
    monkeypatch.chdir(tmp_path)
    told.chat_template = HONEST
    for child in psutil.Process().children():
        if "benchmark.local.rendering" in " ".join(child.cmdline()):
            child.kill()
            psutil.wait_procs([child], timeout=10)
    assert Renderer(told).text(asked("sad?")) == "sad?"
