from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from benchmark.errors import RunError
from benchmark.options import Listed, declared, flag_of, option, parse_options, parse_pairs, read_option_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    base_url: Listed = option((), "URL", "where")
    limit: Annotated[int, Field(ge=1)] | None = option(None, "N", "how many")
    decoder: Literal["pyav", "decord"] = option("pyav", "NAME", "which")
    quick: bool = option(default=False, metavar="", text="whether")


def test_text_becomes_what_the_field_says() -> None:
    given = {"base_url": "http://a/v1, http://b/v1,", "limit": "80", "quick": "true"}
    assert parse_options(Options, given) == Options(base_url=("http://a/v1", "http://b/v1"), limit=80, quick=True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"limit": "0"}, "--limit=0 is malformed"),
        ({"limit": "many"}, "--limit=many is malformed"),
        ({"decoder": "vlc"}, "--decoder=vlc is malformed: Input should be 'pyav' or 'decord'"),
        ({"quick": "perhaps"}, "--quick=perhaps is malformed"),
    ],
)
def test_a_malformed_value_is_named_in_one_line(given: dict[str, object], said: str) -> None:
    with pytest.raises(RunError) as caught:
        parse_options(Options, given)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_every_declared_field_is_an_option() -> None:
    assert [flag_of(field.name) for field in declared(Options)] == ["--base-url", "--limit", "--decoder", "--quick"]


def is_option(name: str) -> bool:
    return name in {"base_url", "limit"}


def test_a_file_may_spell_options_with_hyphens(tmp_path: Path) -> None:
    kept = tmp_path / "mme.toml"
    kept.write_text('base-url = ["http://a/v1"]\nlimit = 5\n')
    assert parse_options(Options, read_option_file(kept, is_option)) == Options(base_url=("http://a/v1",), limit=5)


@pytest.mark.parametrize(
    ("text", "said"), [("limt = 5", "sets limt"), ("limit = ", "cannot be used"), (None, "cannot be used")]
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    kept = tmp_path / "mme.toml"
    if text is not None:
        kept.write_text(text)
    with pytest.raises(RunError, match=said) as caught:
        read_option_file(kept, is_option)
    assert str(kept) in str(caught.value)


@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        ("temperature=0.2,max_tokens=900", {"temperature": 0.2, "max_tokens": 900}),
        (
            'quantization_config={"load_in_4bit": true, "bnb_4bit_quant_type": "nf4"},dtype=bfloat16',
            {"quantization_config": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "dtype": "bfloat16"},
        ),
        ('stop=["a","b"], seed=1,', {"stop": ["a", "b"], "seed": 1}),
        ("text=a=b", {"text": "a=b"}),
    ],
)
def test_commas_inside_a_value_do_not_end_it(given: str, pairs: dict[str, object]) -> None:
    assert dict(parse_pairs("model_option", given)) == pairs


def test_a_pair_without_a_value_is_told() -> None:
    with pytest.raises(RunError, match=r"--judge-option=seed=1,temperature is malformed: temperature is not K=V"):
        parse_pairs("judge_option", "seed=1,temperature")
    with pytest.raises(RunError, match="--judge-option=temperature is malformed: temperature is not K=V"):
        parse_pairs("judge_option", "temperature")
