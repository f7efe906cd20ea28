"""What stands in the way of loading a checkpoint, and in which words it is quantized."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from benchmark.errors import RunError
from benchmark.local.checkpoint import Checkpoint
from benchmark.local.loading import arguments_of, check_architecture
from benchmark.local.settings import LocalSettings, parse_settings
from tests.benchmark.local.packages import installed


def checkpoint(**more: object) -> Checkpoint:
    return Checkpoint(name="some", folder=Path("/nowhere"), config={"model_type": "qwen2_5_vl", **more})


def quantized(**told: object) -> LocalSettings:
    return parse_settings({"device_map": "cpu", "quantization_config": told})


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "BitsAndBytesConfig"),
        ({"load_in_8bit": True, "quant_method": "bitsandbytes"}, "BitsAndBytesConfig"),
        ({"quant_method": "fp8", "activation_scheme": "dynamic"}, "FineGrainedFP8Config"),
        ({"quant_method": "quanto", "weights": "int4"}, "QuantoConfig"),
    ],
)
def test_weights_are_quantized_by_the_method_that_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: dict[str, object], kind: str
) -> None:
    monkeypatch.syspath_prepend(installed(tmp_path, "bitsandbytes", "optimum-quanto"))
    check_architecture(checkpoint(), quantized(**told))
    made = arguments_of(checkpoint(), quantized(**told), "cpu")["quantization_config"]
    assert type(made).__name__ == kind
    assert told.items() <= made.to_dict().items()


@pytest.mark.parametrize("own", [False, True])
def test_the_package_that_quantizes_is_missed_before_the_run(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    own: bool,  # noqa: FBT001
) -> None:
    told = {"quant_method": "higgs"}
    asked = (checkpoint(quantization_config=told), LocalSettings()) if own else (checkpoint(), quantized(**told))
    both, one = "flute-kernel fast-hadamard-transform", "fast-hadamard-transform"
    with pytest.raises(RunError, match=f"^hf:some quantized by higgs needs {both}: pip install {both}"):
        check_architecture(*asked)
    monkeypatch.syspath_prepend(installed(tmp_path, "flute-kernel"))
    with pytest.raises(RunError, match=f"^hf:some quantized by higgs needs {one}: pip install {one}"):
        check_architecture(*asked)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("4bit", "must be an object with one method: "),
        ({}, "must be an object with one method: "),
        ({"load_in_4bit": False}, "must be an object with one method: "),
        ({"quant_method": "torchao", "load_in_4bit": True}, "must be an object with one method: "),
        ({"quant_method": "bitsandbytes"}, "must be an object with one method: "),
        ({"quant_method": "no_such"}, r"has an unknown quant_method; Transformers knows .*bitsandbytes, .*torchao"),
        ({"quant_method": ["fp8"]}, "has an unknown quant_method"),
        ({"load_in_4bit": True, "load_in_8bit": True}, "cannot be used: ValueError: load_in_4bit and load_in_8bit"),
        ({"load_in_4bit": True, "bnb_4bit_quant_typ": "nf4"}, "bitsandbytes has no field bnb_4bit_quant_typ; it has "),
        ({"load_in_4bit": True, "llm_int8_threshold": 6}, "cannot be used: TypeError: llm_int8_threshold"),
        ({"load_in_4bit": True, "bnb_4bit_compute_dtype": "float99"}, "cannot be used: AttributeError: .*float99"),
        ({"quant_method": "fp8", "activation": "dynamic"}, "fp8 has no field activation; it has activation_scheme, "),
    ],
)
def test_a_malformed_quantization_is_told_before_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: object, said: str
) -> None:
    monkeypatch.syspath_prepend(installed(tmp_path, "bitsandbytes"))
    settings = parse_settings({"quantization_config": told})
    with pytest.raises(RunError, match=said) as raised:
        check_architecture(checkpoint(), settings)
    assert str(raised.value).startswith(f"quantization_config={json.dumps(told)}")


KERNEL = "kernels-community/flash-attn"


@pytest.mark.parametrize(
    ("config", "given", "named"),
    [
        ({}, {"attn_implementation": KERNEL}, KERNEL),
        ({}, {"attn_implementation": f"paged|{KERNEL}@main:fn"}, f"paged|{KERNEL}@main:fn"),
        ({}, {"attn_implementation": {"text_config": KERNEL}}, KERNEL),
        ({"attn_implementation": KERNEL}, {}, KERNEL),
        ({"text_config": {"_attn_implementation": KERNEL}}, {}, KERNEL),
        ({"thinker_config": {"text_config": {"experts_implementation": {"": KERNEL}}}}, {}, KERNEL),
    ],
)
def test_a_kernel_of_the_hub_is_code_that_has_to_be_trusted(
    config: dict[str, object], given: dict[str, object], named: str
) -> None:
    with pytest.raises(RunError) as caught:
        check_architecture(checkpoint(**config), parse_settings(given))
    assert f"attn_implementation={named}, which is code of the hub" in str(caught.value)
    check_architecture(checkpoint(**config), parse_settings({**given, "trust_remote_code": True}))
    check_architecture(checkpoint(**config), parse_settings({"attn_implementation": "sdpa"}))


@pytest.mark.parametrize("name", ["trust_remote_code", "sound_in_video"])
@pytest.mark.parametrize("value", ["no", "False", 0, 1, "true", []])
def test_what_is_neither_true_nor_false_switches_nothing_on(name: str, value: object) -> None:
    with pytest.raises(RunError, match=f"^{name} must be true or false"):
        parse_settings({name: value})
