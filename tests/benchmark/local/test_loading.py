"""What stands in the way of loading a checkpoint, and in which words it is quantized."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from benchmark.errors import RunError
from benchmark.local import loading
from benchmark.local.checkpoint import Checkpoint
from benchmark.local.loading import check_architecture, load_model
from benchmark.local.settings import LocalSettings, parse_settings


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
    monkeypatch: pytest.MonkeyPatch, told: dict[str, object], kind: str
) -> None:
    given: dict[str, Any] = {}

    class Network:
        @staticmethod
        def from_pretrained(*_: object, **arguments: object) -> None:
            given.update(arguments)
            raise ValueError("seen")

    monkeypatch.setattr(loading, "QUANTIZERS", {})
    monkeypatch.setattr(loading, "_class_of", lambda *_: Network)
    check_architecture(checkpoint(), quantized(**told))
    with pytest.raises(RunError, match="hf:some cannot be loaded: ValueError: seen"):
        load_model(checkpoint(), quantized(**told), "cpu")
    made = given["quantization_config"]
    assert type(made).__name__ == kind
    assert told.items() <= made.to_dict().items()


@pytest.mark.parametrize("own", [False, True])
def test_the_package_that_quantizes_is_missed_before_the_run(
    monkeypatch: pytest.MonkeyPatch,
    own: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr(loading, "QUANTIZERS", {"bitsandbytes": ("no-such-a", "pytest", "no-such-b")})
    told = {"load_in_4bit": True}
    asked = (checkpoint(quantization_config=told), LocalSettings()) if own else (checkpoint(), quantized(**told))
    missing = "hf:some quantized by bitsandbytes needs no-such-a no-such-b: pip install no-such-a no-such-b"
    with pytest.raises(RunError, match=missing):
        check_architecture(*asked)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("4bit", "must be an object that names one way: "),
        ({}, "must be an object that names one way: "),
        ({"load_in_4bit": False}, "must be an object that names one way: "),
        ({"quant_method": "torchao", "load_in_4bit": True}, "must be an object that names one way: "),
        ({"quant_method": "bitsandbytes"}, "must be an object that names one way: "),
        ({"quant_method": "no_such"}, r"names no quant_method of Transformers, which knows .*bitsandbytes, .*torchao"),
        ({"quant_method": ["fp8"]}, "names no quant_method of Transformers"),
        ({"load_in_4bit": True, "load_in_8bit": True}, "cannot be used: ValueError: load_in_4bit and load_in_8bit"),
        ({"load_in_4bit": True, "bnb_4bit_quant_typ": "nf4"}, "bitsandbytes knows no bnb_4bit_quant_typ; it knows .*"),
        ({"load_in_4bit": True, "llm_int8_threshold": 6}, "cannot be used: TypeError: llm_int8_threshold"),
        ({"load_in_4bit": True, "bnb_4bit_compute_dtype": "float99"}, "cannot be used: AttributeError: .*float99"),
        ({"quant_method": "fp8", "activation": "dynamic"}, "fp8 knows no activation; it knows activation_scheme, "),
    ],
)
def test_a_malformed_quantization_is_told_before_the_run(
    monkeypatch: pytest.MonkeyPatch, told: object, said: str
) -> None:
    monkeypatch.setattr(loading, "QUANTIZERS", {})
    settings = parse_settings({"quantization_config": told})
    with pytest.raises(RunError, match=said) as raised:
        check_architecture(checkpoint(), settings)
    assert str(raised.value).startswith(f"quantization_config={json.dumps(told)}")
