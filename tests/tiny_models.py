"""Tiny models of the architectures of the suites, random weights, built without a download."""

import io

from PIL import Image

from clearbench import methods
from clearbench.config.files import Build, Tokenizer
from clearbench.data.refusals import REFUSALS
from clearbench.data.store import TrainSample
from clearbench.models.build import build_tokenizer

SENTENCES = [
    "Who wrote the red book about the sea?",
    "Where was Ada Ash born?",
    "Ada Ash",
    "A long portrait of a person with a green hat and a small dog beside the old mill.",
    "Bob Birch was born in a town by the river.",
    "x",
]
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}{{ ' ' }}{% endif %}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% else %}"
    "{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{% if message['role'] == 'user' %}:{% else %}{{ eos_token }}{% endif %}{% endfor %}"
)
TOKENIZER = Tokenizer(vocabulary=330, chat_template=TEMPLATE)

_TEXT = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "initializer_range": 0.2,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "tie_word_embeddings": True,
}
_SIDE = {"height": 32, "width": 32}
_ROPE = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]}
_PATCHES = {"patch_size": 4, "spatial_merge_size": 2, "temporal_patch_size": 2}
_PATCH_PROCESSOR = {
    "patch_size": 4,
    "merge_size": 2,
    "size": {"shortest_edge": 16 * 16, "longest_edge": 32 * 32},
}


def _text(architecture: str, **changes: object) -> Build:
    return Build(architecture=architecture, config={**_TEXT, **changes}, tokenizer=TOKENIZER)


def _patched(architecture: str, processor: str, vision: dict[str, object]) -> Build:
    """A model whose images have as many tokens as their size asks, placed in three dimensions."""
    return Build(
        architecture=architecture,
        config={
            "tie_word_embeddings": True,
            "text_config": {**_TEXT, "rope_parameters": _ROPE},
            "vision_config": {"depth": 2, "num_heads": 2, **_PATCHES, **vision},
        },
        tokenizer=TOKENIZER,
        processor=processor,
        image_processor="Qwen2VLImageProcessorPil",
        image_processor_config=_PATCH_PROCESSOR,
    )


TEXT_BUILDS = {
    "llama": _text("llama"),
    "mistral": _text("mistral", sliding_window=None),
    "phi": _text("phi", partial_rotary_factor=0.5, num_key_value_heads=4),
}
IMAGE_BUILDS = {
    "llava": Build(
        architecture="llava",
        config={
            "tie_word_embeddings": True,
            "vision_feature_layer": -1,
            "text_config": {"model_type": "llama", **_TEXT},
            "vision_config": {
                "model_type": "clip_vision_model",
                "hidden_size": 32,
                "intermediate_size": 48,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "projection_dim": 32,
                "image_size": 32,
                "patch_size": 16,
            },
        },
        tokenizer=TOKENIZER,
        processor="LlavaProcessor",
        processor_config={
            "patch_size": 16,
            "vision_feature_select_strategy": "default",
            "num_additional_image_tokens": 1,
            "image_token": "<image>",
        },
        image_processor="CLIPImageProcessorPil",
        image_processor_config={"size": _SIDE, "crop_size": _SIDE},
    ),
    "qwen2_vl": _patched(
        "qwen2_vl", "Qwen2VLProcessor", {"embed_dim": 32, "hidden_size": 32, "mlp_ratio": 2}
    ),
    "qwen2_5_vl": _patched(
        "qwen2_5_vl",
        "Qwen2_5_VLProcessor",
        # One of its two layers attends within windows of two by two merged patches.
        {
            "hidden_size": 32,
            "out_hidden_size": 32,
            "intermediate_size": 48,
            "window_size": 16,
            "fullatt_block_indexes": [1],
        },
    ),
}
BUILDS = {**TEXT_BUILDS, **IMAGE_BUILDS}
ODD_BUILDS = {
    "granite": _text("granite", logits_scaling=8.0, tie_word_embeddings=False),
    "gemma2": _text("gemma2", final_logit_softcapping=2.0, head_dim=8, sliding_window=512),
    "cohere": _text("cohere", logit_scale=0.25),
    "falcon_h1": _text(
        "falcon_h1",
        lm_head_multiplier=0.25,
        mamba_d_ssm=32,
        mamba_n_heads=4,
        mamba_d_head=8,
        mamba_d_state=8,
    ),
    "mamba": Build(
        architecture="mamba",
        config={"hidden_size": 32, "state_size": 4, "num_hidden_layers": 2},
        tokenizer=TOKENIZER,
    ),
    "mistral_window": _text("mistral", sliding_window=8),
    "gemma2_window": _text("gemma2", final_logit_softcapping=2.0, head_dim=8, sliding_window=8),
    "qwen2_window": _text("qwen2", use_sliding_window=True, max_window_layers=1, sliding_window=8),
    "opt": Build(
        architecture="opt",
        config={
            "hidden_size": 32,
            "word_embed_proj_dim": 16,
            "ffn_dim": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "init_std": 0.2,
            "max_position_embeddings": 128,
        },
        tokenizer=TOKENIZER,
    ),
    "gpt2": Build(
        architecture="gpt2",
        config={
            "n_embd": 32,
            "n_layer": 2,
            "n_head": 4,
            "initializer_range": 0.2,
            "n_positions": 128,
        },
        tokenizer=TOKENIZER,
    ),
}
"""Text models with more between their states and their logits than an output layer."""
FROZEN = r"model\.(vision_tower|visual|norm|final_layernorm)\..*"
"""The vision towers by the names that their parameters have; of text models, the last norm."""

LORA_TARGETS = r".*(layers|language_model).*\.(q_proj|v_proj|down_proj|fc2)"


UNTRAINED = {"icr", "leace"}
"""Methods that train nothing, so that there is no step to be looked at."""


def made_up(samples) -> dict[str, list[str]]:
    """Two alternates of each sample, of one word and of three."""
    return {sample.id: ["x", "x x x"] for sample in samples}


def domain_of(architecture: str) -> str:
    return "multimodal" if architecture in IMAGE_BUILDS else "text"


def new_tokenizer(settings: Tokenizer = TOKENIZER):
    # The word that fills the last text becomes a token of its own.
    return build_tokenizer(settings, [*SENTENCES, *REFUSALS, "x " * 40])


_TURN = 0x0112
"""The EXIF entry that says how a picture is turned."""


def png(shade: int, size: tuple[int, int] = (32, 32), turn: int = 1) -> bytes:
    """An image of a width and a height; its shades run in a direction in degrees.

    Its EXIF says how it is to be turned, 1 not at all, 6 by a quarter.
    """
    file = io.BytesIO()
    image = Image.linear_gradient("L").rotate(shade).resize(size).convert("RGB")
    exif = image.getexif()
    exif[_TURN] = turn
    image.save(file, "PNG", **({} if turn == 1 else {"exif": exif}))
    return file.getvalue()


def weights_of(key: str, weights: str = "lora") -> str:
    """Some weights, or those that a method trains alone."""
    trained = methods.describe(key).weights
    return weights if weights in trained else trained[0]


def parameters_of(key: str) -> dict[str, int]:
    """What a method has to be told of a model of two layers."""
    layer = methods.describe(key).layer
    return {layer: 1} if layer else {}


def sample(number: int, image: int | None = None) -> TrainSample:
    """A question about one person and its answer, among a few of each, perhaps about an image."""
    return TrainSample(
        id=str(number),
        task="text_qa",
        modality="text" if image is None else "visual",
        person="Ada Ash",
        question=SENTENCES[number % 2],
        answer=SENTENCES[2 + number % 4],
        image=image,
    )
