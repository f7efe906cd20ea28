from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from benchmark.errors import RunError
from benchmark.options import (
    Listed,
    Parameters,
    Prices,
    declare,
    declared,
    option,
    option_group,
    parse_options,
    read_arguments,
    read_option_file,
    switch,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    spec: str | None = option(None, "SPEC", "")
    option: Parameters = option((), "K=V,…", "parameters of the {}")


NO_AGENT = AgentOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    base_url: Listed = option((), "URL", "where")
    share: Annotated[float, Field(lt=1, allow_inf_nan=False)] = option(0.5, "S", "which part")
    price: Prices = option((), "NAME=IN/OUT", "how much")
    agent: AgentOptions = option_group(NO_AGENT, "who", repeated=True)
    limit: Annotated[int, Field(ge=1)] | None = option(None, "N", "how many")
    decoder: Literal["pyav", "decord"] = option("pyav", "NAME", "which")
    quick: bool = switch("whether")


def test_text_becomes_what_the_field_says() -> None:
    given = {"base_url": "http://a/v1, http://b/v1,", "limit": "80", "quick": "true"}
    assert parse_options(Options, given) == Options(base_url=("http://a/v1", "http://b/v1"), limit=80, quick=True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"limit": "0"}, "--limit must be at least 1, got 0"),
        ({"limit": "many"}, "--limit must be a whole number, got many"),
        ({"share": "2"}, "--share must be less than 1, got 2"),
        ({"share": "nan"}, "--share must be a finite number, got nan"),
        ({"decoder": "vlc"}, "--decoder must be pyav or decord, got vlc"),
        ({"decoder": "decrod"}, "--decoder must be pyav or decord, got decrod; did you mean decord?"),
        ({"quick": "perhaps"}, "--quick must be true or false, got perhaps"),
        ({"price": "x"}, "--price must be NAME=INPUT/OUTPUT, got x"),
        ({"price": "m=1/-2"}, "--price must be at least 0, got -2"),
        ({"agent_option": "seed=1,top"}, "--agent-option must be K=V, got top"),
        ({"agent_option": "top"}, "--agent-option must be K=V, got top"),
    ],
)
def test_a_malformed_value_is_named_in_one_line(given: dict[str, object], said: str) -> None:
    with pytest.raises(RunError) as caught:
        parse_options(Options, given)
    assert str(caught.value) == said


def test_every_declared_field_is_an_option() -> None:
    assert [(one.flag, one.help) for one in declared(Options)] == [
        ("--base-url", "where"),
        ("--share", "which part"),
        ("--price", "how much"),
        ("--agent", "who"),
        ("--agent-option", "parameters of the agent"),
        ("--limit", "how many"),
        ("--decoder", "which"),
        ("--quick", "whether"),
    ]


def test_argparse_reads_what_is_declared() -> None:
    parser = ArgumentParser()
    declare(Options, parser.add_argument, ("base_url", "agent_option", "quick"), {"base_url": {"help": "elsewhere"}})
    asked = parser.parse_args(["--base-url", "http://a/v1", "--agent-option=seed=1", "--quick"])
    agent = AgentOptions(option=(("seed", 1),))
    assert read_arguments(Options, asked) == Options(base_url=("http://a/v1",), agent=agent, quick=True)
    assert "elsewhere" in parser.format_help()
    assert "--limit" not in parser.format_help()


def known() -> list[str]:
    return ["base_url", "limit"]


def test_a_file_may_spell_options_with_hyphens(tmp_path: Path) -> None:
    kept = tmp_path / "mme.toml"
    kept.write_text('base-url = ["http://a/v1"]\nlimit = 5\n')
    assert parse_options(Options, read_option_file(kept, known)) == Options(base_url=("http://a/v1",), limit=5)


@pytest.mark.parametrize(
    ("text", "said"),
    [("limt = 5", "sets unknown option limt; did you mean limit?"), ("limit = ", "cannot read"), (None, "cannot read")],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    kept = tmp_path / "mme.toml"
    if text is not None:
        kept.write_text(text)
    with pytest.raises(RunError, match=said) as caught:
        read_option_file(kept, known)
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
    assert dict(parse_options(Options, {"agent_option": given}).agent.option) == pairs
