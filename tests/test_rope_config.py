# SPDX-License-Identifier: BSD-3-Clause
"""rope.from_config: both styles of config.json, nested parts, types of layers, and what it says of mistakes."""

import numpy as np
import pytest

from fastops import rope
from support import run_python

HEADS = {"hidden_size": 512, "num_attention_heads": 4}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024}


def same(config, dim, *, layer_type=None, sequence_length=None, **wanted):
    got = rope.from_config(config, layer_type=layer_type, sequence_length=sequence_length)
    want = rope.frequencies(dim, sequence_length=sequence_length, **wanted)
    assert np.array_equal(got.inverse, want.inverse)
    assert got.attention_factor == want.attention_factor


def test_old_and_new_style():
    scaled = {"base": 5e5, "scaling": rope.YaRN(4, 1024)}
    same({**HEADS, "rope_theta": 5e5, "rope_scaling": YARN}, 128, **scaled)
    same({**HEADS, "rope_theta": 5e5, "rope_scaling": {**YARN, "type": "yarn", "rope_type": None}}, 128, **scaled)
    same({**HEADS, "rope_parameters": {**YARN, "rope_theta": 5e5}}, 128, **scaled)
    same({**HEADS, "rope_theta": 1e3, "rope_parameters": {**YARN, "rope_theta": 5e5}}, 128, **scaled)
    same({**HEADS, "rope_scaling": None, "rope_theta": None}, 128)
    same({**HEADS, "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}, 128)


def test_lanes():
    same(HEADS, 128)
    same({**HEADS, "head_dim": 64}, 64)
    same({**HEADS, "head_dim": None}, 128)
    same({"n_embd": 64, "n_head": 4, "rotary_dim": 8}, 8)
    same({**HEADS, "partial_rotary_factor": 0.25}, 32)
    same({**HEADS, "rope_parameters": {"partial_rotary_factor": 0.25}}, 32)
    same({**HEADS, "rotary_pct": 0.25, "rotary_emb_base": 500}, 32, base=500)
    same({**HEADS, "head_dim": 192, "qk_rope_head_dim": 64}, 64)
    same({"qk_rope_head_dim": 64}, 64)
    same({**HEADS, "partial_rotary_factor": 0.0}, 0)


def test_what_models_assume():
    same({**HEADS, "model_type": "gpt_neox"}, 32)
    same({**HEADS, "model_type": "glm4"}, 64)
    same({**HEADS, "model_type": "gemma2"}, 256)
    same({**HEADS, "model_type": "llama4_text"}, 128, base=5e5)
    same({"model_type": "gptj", "n_embd": 4096, "n_head": 16}, 64)
    same({"model_type": "deepseek_v3", **HEADS}, 64)
    same({"model_type": "gpt_oss"}, 64, base=15e4, scaling=rope.YaRN(32, 4096, truncate=False))


def test_the_text_part_is_taken():
    text = {**HEADS, "rope_theta": 1e6}
    for config in ({"text_config": text, "hidden_size": 7}, {"thinker_config": {"text_config": text}}):
        same(config, 128, base=1e6)


def test_lengths_that_are_left_out_are_the_models():
    long = {**HEADS, "max_position_embeddings": 8192}
    lists = {"short_factor": [1.0] * 64, "long_factor": [2.0] * 64}
    same({**long, "rope_scaling": {"type": "dynamic", "factor": 2}}, 128,
         scaling=rope.DynamicNTK(2, 8192), sequence_length=9000)  # fmt: skip
    same({**long, "rope_scaling": {"type": "dynamic", "alpha": 1000.0}}, 128, scaling=rope.NTK(1000))
    same({**long, "rope_scaling": {"type": "yarn", "original_max_position_embeddings": 1024}}, 128,
         scaling=rope.YaRN(8, 1024))  # fmt: skip
    same({**long, "rope_scaling": {"type": "yarn", "factor": 2}}, 128, scaling=rope.YaRN(2, 8192))
    for kind in ("longrope", "su"):
        config = {**long, "original_max_position_embeddings": 1024, "rope_scaling": {"type": kind, **lists}}
        for length in (1024, 1025):
            same(config, 128, scaling=rope.LongRoPE(*lists.values(), 1024, factor=8), sequence_length=length)
    given = {"type": "longrope", "original_max_position_embeddings": 512, "attention_factor": 1.5, **lists}
    same({**HEADS, "rope_scaling": given}, 128, scaling=rope.LongRoPE(*lists.values(), 512, attention_factor=1.5))


def test_types_of_layers():
    layers = {"full_attention": {**YARN, "rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}
    config = {**HEADS, "rope_parameters": layers, "layer_types": ["full_attention", "sliding_attention"]}
    same(config, 128, layer_type="full_attention", base=1e6, scaling=rope.YaRN(4, 1024))
    same(config, 128, layer_type="sliding_attention")
    same({**HEADS, "rope_theta": 1e6}, 128, layer_type="full_attention", base=1e6)  # the same for all layers
    gemma3 = {"model_type": "gemma3_text", "rope_scaling": {"rope_type": "linear", "factor": 8.0}}
    same(gemma3, 256, layer_type="full_attention", base=1e6, scaling=rope.Linear(8))
    same(gemma3, 256, layer_type="sliding_attention")
    same({"model_type": "gemma4_text"}, 512, layer_type="full_attention", base=1e6, scaling=rope.Proportional(0.25))
    same({"model_type": "gemma4_text"}, 256, layer_type="sliding_attention")
    wide = {"model_type": "gemma4_text", "layer_types": ["full_attention"], "per_layer_config": {"0": {"head_dim": 64}}}
    same(wide, 64, layer_type="full_attention", base=1e6, scaling=rope.Proportional(0.25))
    same({"model_type": "modernbert", **HEADS, "local_rope_theta": 5.0}, 128, layer_type="sliding_attention", base=5)


def test_precision():
    got = rope.from_config(HEADS, precision="float32").inverse
    assert np.array_equal(got, rope.frequencies(128, precision="float32").inverse)


@pytest.mark.parametrize("name", ["NTK", "YaRN", "axes_grid", "half_to_interleaved", "preset", "rotate"])
def test_names_that_are_imported_later(name):
    code = f"""
        import pickle, sys
        from fastops import rope
        assert "fastops._rope_preset" not in sys.modules
        assert {name!r} in dir(rope)
        value = rope.{name}
        assert value is getattr(rope, {name!r})
        assert pickle.loads(pickle.dumps(value)) is value or "core" in value.__module__
    """
    run_python(code)


def test_unknown_names():
    with pytest.raises(AttributeError, match=r"module 'fastops.rope' has no attribute 'rotary'"):
        _ = rope.rotary
    names = {}
    exec("from fastops.rope import *", names)
    assert set(rope.__all__) <= set(names)


LLAMA3 = {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4}
LAYERS = {**HEADS, "rope_parameters": {"a": {}, "b": None}, "layer_types": ["a", "b"]}
ERRORS = {
    "list": ([], {}, TypeError, "config must be a dictionary, got list"),
    "empty": ({}, {}, ValueError, "config has no head_dim, and no hidden_size"),
    "no_heads": ({"hidden_size": 5}, {}, ValueError, "config has no head_dim, and no num_attention_heads"),
    "head_dim": ({"head_dim": 4.5}, {}, TypeError, "config's head_dim must be an integer, got float"),
    "odd": ({**HEADS, "partial_rotary_factor": 0.2}, {}, ValueError, "config's head_dim \\* partial.* even, got 25"),
    "rotary_dim": ({**HEADS, "rotary_dim": 7}, {}, ValueError, "config's rotary_dim must be even, got 7"),
    "base": ({**HEADS, "rope_theta": "big"}, {}, TypeError, "config's rope_theta must be a real number, got str"),
    "type": ({**HEADS, "rope_scaling": {"type": "new"}}, {}, ValueError, "rope_type must be one of .*, got 'new'"),
    "parameters": ({**HEADS, "rope_scaling": 3}, {}, TypeError, "config's rope_parameters must be a dictionary"),
    "linear": ({**HEADS, "rope_scaling": {"type": "linear"}}, {}, ValueError, "rope_parameters has no factor"),
    "dynamic": (
        {**HEADS, "rope_scaling": {"type": "dynamic", "factor": 2}},
        {},
        ValueError,
        "has no max_position_embeddings",
    ),
    "yarn": ({**HEADS, "rope_scaling": {"type": "yarn", "factor": 2}}, {}, ValueError, "no max_position_embeddings"),
    "llama3": (
        {**HEADS, "max_position_embeddings": 9, "rope_scaling": {**LLAMA3, "low_freq_factor": None}},
        {},
        ValueError,
        "has no low_freq_factor",
    ),
    "longrope": ({**HEADS, "rope_scaling": {"type": "longrope"}}, {}, ValueError, "has no short_factor"),
    "longrope_length": (
        {
            **HEADS,
            "max_position_embeddings": 9,
            "rope_scaling": {"type": "su", "short_factor": [1], "long_factor": [1]},
        },
        {},
        ValueError,
        "scaling has 1 factors; rotary_dim / 2 = 64",
    ),
    "layer_type_needed": (LAYERS, {}, ValueError, "layer_type must be one of 'a', 'b', got None"),
    "layer_type": (LAYERS, {"layer_type": "c"}, ValueError, "layer_type must be one of 'a', 'b', got 'c'"),
    "no_rope": (LAYERS, {"layer_type": "b"}, ValueError, "layers of layer_type 'b' have no rotary embedding"),
    "gemma3": ({"model_type": "gemma3"}, {}, ValueError, "layer_type must be one of 'full_attention', 'sliding"),
    "precision": (HEADS, {"precision": "half"}, ValueError, "precision must be one of"),
    "length": (HEADS, {"sequence_length": 1.5}, TypeError, "sequence_length must be an integer"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    config, options, error, message = ERRORS[case]
    with pytest.raises(error, match=message):
        rope.from_config(config, **options)
