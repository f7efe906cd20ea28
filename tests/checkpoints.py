"""Tiny checkpoints of real architectures, with random weights and their real processors, made on the spot.

`python -m tests.checkpoints NAME FOLDER` makes one. Torch is imported by whoever makes one, not before.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

BUILDS = str(Path(__file__).with_name("mixed_builds"))
"""What PYTHONPATH is to lead to in processes that load a checkpoint."""

WORDS = (
    "You are an expert. Watch the clip, listen to it, and name the most prominent emotion. Candidate labels: anger,"
    " disgust, fear, happiness, sadness, surprise, neutral. Think step by step. Step 1: The face smiles. Step 2: The"
    " voice is loud. Answer: happiness <step> </step> <score> </score> 1/1 0/1 0123456789"
)
QWEN = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
OMNI = {
    "image_token": "<|IMAGE|>",
    "audio_token": "<|AUDIO|>",
    "video_token": "<|VIDEO|>",
    "vision_bos_token": "<|vision_bos|>",
    "vision_eos_token": "<|vision_eos|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
}
OMNI_PLACES = (
    "<|vision_bos|><|IMAGE|><|vision_eos|>",
    "<|vision_bos|><|VIDEO|><|vision_eos|>",
    "<|audio_bos|><|AUDIO|><|audio_eos|>",
)
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE"
    "{% elif part['type'] == 'video' %}VIDEO"
    "{% elif part['type'] == 'audio' %}AUDIO"
    "{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _template(image: str, video: str, audio: str = "") -> str:
    return TEMPLATE.replace("IMAGE", image).replace("VIDEO", video).replace("AUDIO", audio)


def _tokenizer(special: Mapping[str, str], others: tuple[str, ...] = QWEN) -> Any:
    """A byte-level BPE tokenizer, trained on a few words; `special` are further tokens by their attribute's name."""
    import tokenizers
    from transformers import PreTrainedTokenizerFast

    trained = tokenizers.Tokenizer(tokenizers.models.BPE())
    trained.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[*others, *special.values()],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator([WORDS], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=trained, eos_token=others[-1], pad_token=others[0], extra_special_tokens=dict(special)
    )


def _text_config(tokenizer: Any, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": None,
        "initializer_range": 0.3,
        **more,
    }


ROPE = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
HEARING = {
    "num_mel_bins": 128,
    "d_model": 32,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
}
SEEING = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32}
SIZE = {"shortest_edge": 28 * 28 * 4, "longest_edge": 28 * 28 * 16}


def _save(folder: Path, model: Any, processor: Any) -> None:
    model.generation_config.do_sample = False
    model.generation_config.eos_token_id = model.generation_config.pad_token_id = None
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def _qwen_2_5_omni(folder: Path) -> None:
    make_thinker(folder)


def make_thinker(folder: Path, *, large: bool = False) -> None:
    """Qwen2.5-Omni's thinker; a `large` one has the sizes of the published one with seven billion weights."""
    from transformers import (
        Qwen2_5OmniProcessor,
        Qwen2_5OmniThinkerConfig,
        Qwen2_5OmniThinkerForConditionalGeneration,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
        WhisperFeatureExtractor,
    )

    tokenizer = _tokenizer(OMNI)
    number = tokenizer.convert_tokens_to_ids
    config = Qwen2_5OmniThinkerConfig(
        audio_config={} if large else {**HEARING, "output_dim": 32},
        vision_config={} if large else {**SEEING, "fullatt_block_indexes": [1]},
        text_config=_large_text(tokenizer) if large else _text_config(tokenizer, rope_parameters=ROPE),
        audio_token_index=number("<|AUDIO|>"),
        image_token_index=number("<|IMAGE|>"),
        video_token_index=number("<|VIDEO|>"),
        audio_start_token_id=number("<|audio_bos|>"),
        audio_end_token_id=number("<|audio_eos|>"),
        vision_start_token_id=number("<|vision_bos|>"),
        vision_end_token_id=number("<|vision_eos|>"),
    )
    processor = Qwen2_5OmniProcessor(
        image_processor=Qwen2VLImageProcessor(size=SIZE),
        video_processor=Qwen2VLVideoProcessor(size=SIZE),
        feature_extractor=WhisperFeatureExtractor(feature_size=128, chunk_length=30),
        tokenizer=tokenizer,
        chat_template=_template(*OMNI_PLACES),
    )
    _save(folder, Qwen2_5OmniThinkerForConditionalGeneration(config), processor)


def _large_text(tokenizer: Any) -> dict[str, Any]:
    """What differs from the architecture's own defaults, which are the published sizes."""
    rope = {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1_000_000.0}
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    return {"rope_parameters": rope, "tie_word_embeddings": False, **ends}


def _qwen_2_5_omni_with_a_voice(folder: Path) -> None:
    """As published: the thinker that answers, the talker that speaks, and what makes sound of that."""
    from transformers import AutoProcessor, Qwen2_5OmniConfig, Qwen2_5OmniForConditionalGeneration

    thinker = folder.with_name(f"{folder.name}-thinker")
    _qwen_2_5_omni(thinker)
    processor = AutoProcessor.from_pretrained(thinker)
    text = _text_config(processor.tokenizer, rope_parameters=ROPE)
    del text["eos_token_id"], text["bos_token_id"], text["initializer_range"]
    tiny = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "head_dim": 16, "emb_dim": 8}
    config = Qwen2_5OmniConfig(
        thinker_config=json.loads((thinker / "config.json").read_text("utf-8")),
        talker_config={**text, "vocab_size": 64, "head_dim": 8, "embedding_size": 32},
        token2wav_config={
            "dit_config": {**tiny, "enc_dim": 8, "enc_emb_dim": 8, "enc_channels": [8, 8, 8, 8, 24], "num_embeds": 64},
            "bigvgan_config": {"upsample_initial_channel": 64},
        },
        enable_audio_output=True,
    )
    _save(folder, Qwen2_5OmniForConditionalGeneration(config), processor)


SEEING_3 = {**SEEING, "patch_size": 16, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
ROPE_3 = {**ROPE, "mrope_interleaved": True}
SIZE_3 = {"shortest_edge": 32 * 32 * 4, "longest_edge": 32 * 32 * 16}


def _qwen_2_5_vl(folder: Path) -> None:
    from transformers import Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    looking = Qwen2VLImageProcessor(size=SIZE), Qwen2VLVideoProcessor(size=SIZE)
    _qwen_vl(folder, "Qwen2_5_VL", looking, {**SEEING, "fullatt_block_indexes": [1]}, rope_parameters=ROPE)


def _qwen_3_vl(folder: Path) -> None:
    from transformers import Qwen2VLImageProcessor, Qwen3VLVideoProcessor

    looking = Qwen2VLImageProcessor(size=SIZE_3, patch_size=16), Qwen3VLVideoProcessor(size=SIZE_3)
    _qwen_vl(folder, "Qwen3VL", looking, SEEING_3, rope_parameters=ROPE_3, head_dim=8)


def _qwen_vl(folder: Path, family: str, looking: tuple[Any, Any], seeing: Mapping[str, Any], **text: Any) -> None:
    """A network of that family; `looking` are its processors of images and of videos, the rest configures its parts."""
    import transformers

    pads = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}
    tokenizer = _tokenizer(pads, (*QWEN[:2], "<|vision_start|>", "<|vision_end|>", QWEN[2]))
    number = tokenizer.convert_tokens_to_ids
    config = getattr(transformers, f"{family}Config")(
        text_config=_text_config(tokenizer, **text),
        vision_config=dict(seeing),
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
    )
    processor = getattr(transformers, f"{family}Processor")(
        image_processor=looking[0],
        video_processor=looking[1],
        tokenizer=tokenizer,
        chat_template=_template(
            "<|vision_start|><|image_pad|><|vision_end|>", "<|vision_start|><|video_pad|><|vision_end|>"
        ),
    )
    _save(folder, getattr(transformers, f"{family}ForConditionalGeneration")(config), processor)


def _qwen_3_omni(folder: Path) -> None:
    from transformers import (
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
        Qwen3OmniMoeProcessor,
        Qwen3OmniMoeThinkerConfig,
        Qwen3OmniMoeThinkerForConditionalGeneration,
        WhisperFeatureExtractor,
    )

    tokenizer = _tokenizer(OMNI)
    number = tokenizer.convert_tokens_to_ids
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "head_dim": 8}
    config = Qwen3OmniMoeThinkerConfig(
        audio_config={**HEARING, "output_dim": 32, "downsample_hidden_size": 16},
        vision_config=SEEING_3,
        text_config=_text_config(tokenizer, rope_parameters=ROPE_3, **experts),
        audio_token_id=number("<|AUDIO|>"),
        image_token_id=number("<|IMAGE|>"),
        video_token_id=number("<|VIDEO|>"),
        audio_start_token_id=number("<|audio_bos|>"),
        vision_start_token_id=number("<|vision_bos|>"),
    )
    processor = Qwen3OmniMoeProcessor(
        image_processor=Qwen2VLImageProcessor(size=SIZE_3, patch_size=16),
        video_processor=Qwen2VLVideoProcessor(size=SIZE_3, patch_size=16),
        feature_extractor=WhisperFeatureExtractor(feature_size=128, chunk_length=30),
        tokenizer=tokenizer,
        chat_template=_template(*OMNI_PLACES),
    )
    _save(folder, Qwen3OmniMoeThinkerForConditionalGeneration(config), processor)


def _qwen_2_audio(folder: Path) -> None:
    from transformers import (
        Qwen2AudioConfig,
        Qwen2AudioForConditionalGeneration,
        Qwen2AudioProcessor,
        WhisperFeatureExtractor,
    )

    tokenizer = _tokenizer({"audio_token": "<|AUDIO|>"}, (*QWEN[:2], "<|audio_bos|>", "<|audio_eos|>", QWEN[2]))
    config = Qwen2AudioConfig(
        audio_config=HEARING,
        text_config={**_text_config(tokenizer), "model_type": "qwen2"},
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
    )
    processor = Qwen2AudioProcessor(
        feature_extractor=WhisperFeatureExtractor(feature_size=128, chunk_length=30), tokenizer=tokenizer
    )
    _save(folder, Qwen2AudioForConditionalGeneration(config), processor)


def _video_llava(folder: Path) -> None:
    from transformers import (
        VideoLlavaConfig,
        VideoLlavaForConditionalGeneration,
        VideoLlavaImageProcessor,
        VideoLlavaProcessor,
        VideoLlavaVideoProcessor,
    )

    tokenizer = _tokenizer({"image_token": "<image>", "video_token": "<video>"})
    number = tokenizer.convert_tokens_to_ids
    small = {"height": 28, "width": 28}
    config = VideoLlavaConfig(
        vision_config={
            "model_type": "clip_vision_model",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        text_config={**_text_config(tokenizer), "model_type": "llama"},
        image_token_index=number("<image>"),
        video_token_index=number("<video>"),
        image_seq_length=4,
        video_seq_length=5 * 8,
    )
    processor = VideoLlavaProcessor(
        image_processor=VideoLlavaImageProcessor(size={"shortest_edge": 28}, crop_size=small),
        video_processor=VideoLlavaVideoProcessor(size={"shortest_edge": 28}, crop_size=small),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=_template("<image>\n", "<video>\n"),
    )
    _save(folder, VideoLlavaForConditionalGeneration(config), processor)


def _bert(folder: Path) -> None:
    """An encoder of text; its tokens are words and a few endings."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir()
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] i am so sorry to hear that you lost it . , the cat sat on mat glad ##ly ##s"
    (folder / "vocab.txt").write_text("\n".join(words.split()), "utf-8")
    tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=16)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
    BertModel(BertConfig(vocab_size=len(tokenizer), initializer_range=0.5, **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _roberta(folder: Path) -> None:
    """An encoder of text whose words begin with a blank, except at the start of a text."""
    import tokenizers
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizerFast

    trained = tokenizers.Tokenizer(tokenizers.models.BPE())
    trained.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    letters = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=letters)
    trained.train_from_iterator(["so sorry, so sorry, the cat and the mat"], trainer)
    folder.mkdir()
    trained.model.save(str(folder))
    parts = {"vocab": str(folder / "vocab.json"), "merges": str(folder / "merges.txt")}
    tokenizer = RobertaTokenizerFast(**parts, model_max_length=16)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    RobertaModel(RobertaConfig(vocab_size=len(tokenizer), initializer_range=0.5, **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


MAKERS: Mapping[str, Callable[[Path], None]] = MappingProxyType(
    {
        "qwen2.5-omni": _qwen_2_5_omni,
        "qwen2.5-omni-voice": _qwen_2_5_omni_with_a_voice,
        "qwen2.5-vl": _qwen_2_5_vl,
        "qwen3-vl": _qwen_3_vl,
        "qwen3-omni": _qwen_3_omni,
        "qwen2-audio": _qwen_2_audio,
        "video-llava": _video_llava,
        "bert": _bert,
        "roberta": _roberta,
    }
)


def make(name: str, folder: Path) -> Path:
    """Makes the checkpoint of that name in the folder; the same weights every time."""
    import torch

    import tests.mixed_builds.sitecustomize  # noqa: F401  lets torchvision import

    torch.manual_seed(0)
    MAKERS[name](folder)
    return folder


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]))
