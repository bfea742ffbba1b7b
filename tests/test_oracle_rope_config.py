# SPDX-License-Identifier: BSD-3-Clause
"""`fastops.rope.from_config` and every scaling against the rotary modules of transformers."""

import copy
import json

import numpy as np
import pytest

from fastops import rope
from peers import peer

pytestmark = pytest.mark.oracle

SMALL = {"hidden_size": 512, "num_attention_heads": 4, "max_position_embeddings": 4096}
FACTORS = {"short_factor": [1.0 + i / 50 for i in range(64)], "long_factor": [1.0 + i for i in range(64)]}

# Configurations in the words of published config.json files: model type, fields.
CONFIGS = {
    "llama2": ("llama", SMALL),
    "llama2_base": ("llama", {**SMALL, "rope_theta": 500000.0}),
    "linear_old": ("llama", {**SMALL, "rope_scaling": {"type": "linear", "factor": 3.0}}),
    "linear_new": (
        "llama",
        {**SMALL, "rope_parameters": {"rope_type": "linear", "factor": 2.5, "rope_theta": 1e6}},
    ),
    "dynamic": ("llama", {**SMALL, "rope_scaling": {"rope_type": "dynamic", "factor": 2.3}}),
    "llama31": (
        "llama",
        {
            **SMALL,
            "max_position_embeddings": 131072,
            "rope_theta": 500000.0,
            "rope_scaling": {
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
                "rope_type": "llama3",
            },
        },
    ),
    "llama32": (
        "llama",
        {
            **SMALL,
            "head_dim": 64,
            "rope_theta": 500000.0,
            "rope_scaling": {
                "factor": 32.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
                "rope_type": "llama3",
            },
        },
    ),
    "mistral": ("mistral", {**SMALL, "head_dim": 128, "rope_theta": 1000000.0}),
    "qwen2": ("qwen2", {**SMALL, "rope_theta": 1000000.0}),
    "qwen25_yarn": (
        "qwen2",
        {
            **SMALL,
            "rope_theta": 1000000.0,
            "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768},
        },
    ),
    "qwen3": ("qwen3", {**SMALL, "rope_theta": 1000000.0}),
    "yarn_no_truncate": (
        "llama",
        {
            **SMALL,
            "rope_scaling": {
                "rope_type": "yarn",
                "factor": 7.0,
                "original_max_position_embeddings": 1000,
                "truncate": False,
                "beta_fast": 17.0,
                "beta_slow": 2.0,
            },
        },
    ),
    "yarn_mscale_alone": (
        "llama",
        {
            **SMALL,
            "rope_scaling": {
                "rope_type": "yarn",
                "factor": 7.0,
                "original_max_position_embeddings": 1000,
                "mscale": 0.7,
            },
        },
    ),
    "yarn_mscales": (
        "llama",
        {
            **SMALL,
            "rope_scaling": {
                "rope_type": "yarn",
                "factor": 7.0,
                "original_max_position_embeddings": 1000,
                "mscale": 0.7,
                "mscale_all_dim": 1.3,
            },
        },
    ),
    "yarn_attention_factor": (
        "llama",
        {
            **SMALL,
            "rope_scaling": {
                "rope_type": "yarn",
                "factor": 7.0,
                "original_max_position_embeddings": 1000,
                "attention_factor": 1.125,
            },
        },
    ),
    "yarn_beyond_the_pairs": (
        "llama",
        {
            **SMALL,
            "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 131072},
        },
    ),
    "yarn_one_point": (
        "llama",
        {
            **SMALL,
            "rope_scaling": {
                "rope_type": "yarn",
                "factor": 4.0,
                "original_max_position_embeddings": 10,
                "beta_fast": 1.0,
                "beta_slow": 1.0,
                "truncate": False,
            },
        },
    ),
    "gpt_oss": ("gpt_oss", {**SMALL, "max_position_embeddings": 131072}),
    "gpt_oss_spelled_out": (
        "gpt_oss",
        {
            **SMALL,
            "head_dim": 64,
            "max_position_embeddings": 131072,
            "rope_theta": 150000,
            "rope_scaling": {
                "beta_fast": 32.0,
                "beta_slow": 1.0,
                "factor": 32.0,
                "original_max_position_embeddings": 4096,
                "rope_type": "yarn",
                "truncate": False,
            },
        },
    ),
    "deepseek_v3": (
        "deepseek_v3",
        {
            **SMALL,
            "qk_rope_head_dim": 64,
            "qk_nope_head_dim": 128,
            "max_position_embeddings": 163840,
            "rope_theta": 10000,
            "rope_scaling": {
                "beta_fast": 32,
                "beta_slow": 1,
                "factor": 40,
                "mscale": 1.0,
                "mscale_all_dim": 1.0,
                "original_max_position_embeddings": 4096,
                "type": "yarn",
            },
        },
    ),
    "phi3": (
        "phi3",
        {
            **SMALL,
            "max_position_embeddings": 131072,
            "original_max_position_embeddings": 4096,
            "rope_scaling": {"type": "longrope", **FACTORS},
        },
    ),
    "phi4_mini_partial": (
        "phi3",
        {
            **SMALL,
            "max_position_embeddings": 131072,
            "original_max_position_embeddings": 4096,
            "partial_rotary_factor": 0.75,
            "rope_scaling": {
                "type": "longrope",
                "short_factor": FACTORS["short_factor"][:48],
                "long_factor": FACTORS["long_factor"][:48],
            },
        },
    ),
    "phi": ("phi", {**SMALL, "partial_rotary_factor": 0.5}),
    "gemma2": ("gemma2", {**SMALL, "head_dim": 256}),
    "glm4": ("glm4", {**SMALL, "head_dim": 128, "partial_rotary_factor": 0.5}),
    "glm4_default": ("glm4", SMALL),
    "gpt_neox": ("gpt_neox", {**SMALL, "rotary_pct": 0.5, "rotary_emb_base": 25000}),
    "gpt_neox_default": ("gpt_neox", SMALL),
    "stablelm": ("stablelm", {**SMALL, "partial_rotary_factor": 0.25}),
    "llama4": ("llama4_text", {**SMALL, "head_dim": 128, "rope_theta": 500000.0}),
    "qwen3_vl_text": ("qwen3_vl_text", {**SMALL, "head_dim": 128, "rope_theta": 5000000}),
}
MODULES = {
    "deepseek_v3": "DeepseekV3",
    "gemma2": "Gemma2",
    "glm4": "Glm4",
    "gpt_neox": "GPTNeoX",
    "gpt_oss": "GptOss",
    "llama": "Llama",
    "llama4_text": "Llama4Text",
    "mistral": "Mistral",
    "phi": "Phi",
    "phi3": "Phi3",
    "qwen2": "Qwen2",
    "qwen3": "Qwen3",
    "qwen3_vl_text": "Qwen3VLText",
    "stablelm": "StableLm",
}


def theirs(model, fields):
    """Their configuration and rotary module."""
    transformers = peer("transformers")
    config = transformers.AutoConfig.for_model(model, **copy.deepcopy(fields))
    code = peer(f"transformers.models.{model.removesuffix('_text')}.modeling_{model.removesuffix('_text')}")
    return config, getattr(code, f"{MODULES[model]}RotaryEmbedding")(config)


def same_to_one_unit(got, want):
    """Their float32 power is one unit off in a few entries, which can be two units of the reciprocal."""
    assert got.dtype == want.dtype == np.float32
    assert got.shape == want.shape
    apart = np.abs(got - want) / np.spacing(want)
    assert (apart <= 1).mean() >= 0.95
    assert (apart <= 2).all()


@pytest.mark.parametrize("name", CONFIGS)
def test_frequencies_of_families(name):
    model, fields = CONFIGS[name]
    config, module = theirs(model, fields)
    saved = json.loads(config.to_json_string())
    for ours in ({"model_type": model, **fields}, saved):
        got = rope.from_config(ours, precision="float32")
        same_to_one_unit(got.inverse, module.inv_freq.numpy())
        assert got.attention_factor == pytest.approx(getattr(module, "attention_scaling", 1.0), rel=1e-15)
        np.testing.assert_allclose(rope.from_config(ours).inverse, got.inverse, rtol=1e-5)


@pytest.mark.parametrize("name", ["dynamic", "phi3", "phi4_mini_partial"])
@pytest.mark.parametrize("length", [None, 17, 4095, 4096, 4097, 9999])
def test_frequencies_that_depend_on_the_length(name, length):
    utils = peer("transformers.modeling_rope_utils")
    model, fields = CONFIGS[name]
    config, _ = theirs(model, fields)
    kind = config.rope_parameters["rope_type"]
    want, factor = utils.ROPE_INIT_FUNCTIONS[kind](config, None, seq_len=length)
    got = rope.from_config({"model_type": model, **fields}, sequence_length=length, precision="float32")
    same_to_one_unit(got.inverse, want.numpy())
    assert got.attention_factor == pytest.approx(factor, rel=1e-15)


LAYERS = ["full_attention", "sliding_attention"]
GEMMA3 = {**SMALL, "head_dim": 256, "num_hidden_layers": 6}
LAYERED = {
    "gemma3": ("gemma3_text", {**GEMMA3, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}),
    "gemma3_bases": ("gemma3_text", {**GEMMA3, "rope_theta": 2e6, "rope_local_base_freq": 5e3}),
    "gemma4": ("gemma4_text", {**SMALL, "num_hidden_layers": 6}),
    "gemma4_spelled_out": (
        "gemma4_text",
        {
            **SMALL,
            "num_hidden_layers": 6,
            "head_dim": 128,
            "global_head_dim": 192,
            "rope_parameters": {
                "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.3, "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
            },
        },
    ),
}


@pytest.mark.parametrize("name", LAYERED)
@pytest.mark.parametrize("layer_type", LAYERS)
def test_frequencies_of_layer_types(name, layer_type):
    model, fields = LAYERED[name]
    config = peer("transformers").AutoConfig.for_model(model, **copy.deepcopy(fields))
    family = model.removesuffix("_text")
    code = peer(f"transformers.models.{family}.modeling_{family}")
    rotary = getattr(code, {"gemma3": "Gemma3RotaryEmbedding", "gemma4": "Gemma4TextRotaryEmbedding"}[family])(config)
    want = getattr(rotary, f"{layer_type}_inv_freq").numpy()
    nested = {"model_type": family, "text_config": {"model_type": model, **fields}}
    saved = json.loads(config.to_json_string())
    for ours in ({"model_type": model, **fields}, nested, saved):
        same_to_one_unit(rope.from_config(ours, layer_type=layer_type, precision="float32").inverse, want)


def test_gptj_rotates_rotary_dim_lanes():
    code = peer("transformers.models.gptj.modeling_gptj")
    sin, cos = np.split(code.create_sinusoidal_positions(64, 64).numpy(), 2, axis=1)
    config = {"model_type": "gptj", "n_embd": 4096, "n_head": 16, "rotary_dim": 64}
    for ours in (config, {**config, "rotary_dim": None}):
        expected = 32 if ours["rotary_dim"] else 128
        assert rope.from_config(ours).inverse.shape == (expected,)
    tables = rope.table(np.arange(64), rope.from_config(config, precision="float32"))
    np.testing.assert_allclose(tables, (cos, sin), atol=2e-5)


@pytest.mark.parametrize("name", ["llama2", "llama31", "gpt_oss", "phi3", "glm4"])
def test_tables_of_families(name):
    torch = peer("torch")
    model, fields = CONFIGS[name]
    _, module = theirs(model, fields)
    positions = np.array([0, 1, 17, 500, 4000])
    want = module(torch.zeros(1), torch.from_numpy(positions[None]))
    got = rope.table(positions, rope.from_config({"model_type": model, **fields}, precision="float32"))
    pairs = got[0].shape[-1]
    for ours, torchs in zip(got, want, strict=True):
        torchs = torchs.numpy()[0][:, :pairs]
        bound = 3 * 4000 * 2.0**-24  # a unit of the frequency, times the position
        np.testing.assert_allclose(ours, torchs, atol=bound)
