# SPDX-License-Identifier: BSD-3-Clause
"""Reads rotary_dim, base and scaling from a Hugging Face configuration: `fastops.rope.from_config`."""

from collections.abc import Mapping

from .._arguments import integer, positive, real
from ._scaling_parts import Llama3, LongRoPE, YaRN
from ._scaling_plain import NTK, DynamicNTK, Linear, Proportional

# What transformers 5.23 assumes where a configuration is silent, by model_type without "_text": for models of one
# text part. Those of Llama's kind that assume nothing but base 10000 are not listed.
_BASES = {
    "apertus": 12e6, "bitnet": 5e5, "cohere": 5e5, "csm": 5e5, "cwm": 1e6, "emu3": 1e6, "ernie4_5": 5e5,
    "ernie4_5_moe": 5e5, "ernie4_5_vl_moe": 5e5, "flex_olmo": 5e5, "fuyu": 25e3, "gpt_oss": 15e4, "helium": 1e5,
    "hy_v3": 11_158_840.0, "jina_embeddings_v3": 2e4, "lfm2": 1e6, "lfm2_moe": 1e6, "llama4": 5e5,
    "longcat_flash": 1e7, "minimax": 1e6, "minimax_m2": 5e6, "mixtral": 1e6, "mllama": 5e5, "nomic_bert": 1e3,
    "olmo3": 5e5, "paddleocr_vl": 5e5, "phimoe": 1e6, "qwen2_5_omni": 1e6, "qwen2_5_vl": 1e6, "qwen2_vl": 1e6,
    "qwen3_omni_moe": 1e6, "qwen3_vl": 5e5, "qwen3_vl_moe": 5e5, "smollm3": 2e6, "solar_open": 1e6,
}  # fmt: skip
_HEADS = {
    "ernie4_5": 128, "gemma": 256, "gemma2": 256, "gemma3": 256, "gemma3n": 256, "gemma4": 256, "glm": 128,
    "glm4": 128, "gpt_oss": 64, "helium": 128, "hy_v3": 128, "llama4": 128, "mimo_v2_flash": 192, "minimax_m2": 128,
    "ministral3": 128, "nemotron_h": 128, "paddleocr_vl": 128, "qwen3": 128, "qwen3_5": 256, "qwen3_5_moe": 256,
    "qwen3_next": 256, "qwen3_vl": 128, "seed_oss": 128, "solar_open": 128, "vaultgemma": 256,
}  # fmt: skip
_PARTS = {
    "fuyu": 0.5, "glm": 0.5, "glm4": 0.5, "glm4_moe": 0.5, "glm4v_moe": 0.5, "gpt_neox": 0.25, "nemotron": 0.5,
    "persimmon": 0.5, "phi": 0.5, "qwen3_5": 0.25, "qwen3_5_moe": 0.25, "qwen3_next": 0.25, "recurrent_gemma": 0.5,
    "stablelm": 0.25,
}  # fmt: skip
_ROTARY_DIMS = {
    "codegen": 64, "deepseek_v2": 64, "deepseek_v3": 64, "deepseek_v32": 64, "glm4_moe_lite": 64, "gptj": 64,
    "kimi_linear": 64, "longcat_flash": 64, "mistral4": 64, "youtu": 64,
}  # fmt: skip
# Models with two kinds of layers: the fields of the bases, and the bases.
_GLOBAL_LOCAL = {
    "gemma3": ("rope_theta", 1e6, "rope_local_base_freq", 1e4),
    "gemma3n": ("rope_theta", 1e6, "rope_local_base_freq", 1e4),
    "modernbert": ("global_rope_theta", 16e4, "local_rope_theta", 1e4),
    "modernbert_decoder": ("global_rope_theta", 16e4, "local_rope_theta", 1e4),
}
_GPT_OSS = {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False,
            "original_max_position_embeddings": 4096}  # fmt: skip
_GEMMA4 = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1e6},
}
_LAYERS = ("full_attention", "sliding_attention")


def read(config, layer_type):
    """(rotary_dim, base, scaling) of the layers of that type."""
    if not isinstance(config, Mapping):
        raise TypeError(f"config must be a dictionary, got {type(config).__name__}")
    for part in ("thinker_config", "text_config", "llm_config"):
        if isinstance(config.get(part), Mapping):
            config = config[part]
    model = str(config.get("model_type", "")).removesuffix("_text")
    rope = _parameters(config, model, layer_type)
    base = _first(rope, "rope_theta") or _first(config, "rope_theta", "rotary_emb_base") or _BASES.get(model, 10000.0)
    base = positive("config's rope_theta", base)
    kind = _first(rope, "rope_type", "type") or "default"
    head_dim = _head_dim(config, model, layer_type)
    dim = head_dim if kind == "proportional" else _rotary_dim(config, model, rope, head_dim)
    return dim, base, _scaling(kind, config, model, rope)


def _first(fields, *names):
    """The first of the fields that is there and not null."""
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _need(fields, name, where="rope_parameters"):
    if fields.get(name) is None:
        raise ValueError(f"config's {where} has no {name}")
    return fields[name]


# ---- which parameters -----------------------------------------------------------------------------------------------


def _parameters(config, model, layer_type):
    """The parameters of one type of layer, in the new style."""
    found = _first(config, "rope_parameters", "rope_scaling")
    if found is None:
        found = {"gpt_oss": _GPT_OSS, "gemma4": _GEMMA4}.get(model, {})
    if not isinstance(found, Mapping):
        raise TypeError(f"config's rope_parameters must be a dictionary, got {type(found).__name__}")
    layers = [name for name, value in found.items() if isinstance(value, Mapping)]
    layers += [name for name, value in found.items() if value is None and name in config.get("layer_types", ())]
    if layers:
        chosen = found[_layer(layer_type, layers)]
        if chosen is None:
            raise ValueError(f"config's layers of layer_type {layer_type!r} have no rotary embedding")
        return _with_base(chosen, config, model, layer_type)
    if model in _GLOBAL_LOCAL:
        local = _layer(layer_type, _LAYERS) == "sliding_attention"
        return _with_base({} if local else found, config, model, layer_type)
    return found


def _layer(layer_type, choices):
    if layer_type not in choices:
        raise ValueError(f"layer_type must be one of {', '.join(map(repr, choices))}, got {layer_type!r}")
    return layer_type


def _with_base(parameters, config, model, layer_type):
    """With the base that this type of layer has by itself."""
    if parameters.get("rope_theta") is not None or model not in _GLOBAL_LOCAL:
        return parameters
    name, base, local_name, local_base = _GLOBAL_LOCAL[model]
    if layer_type == "sliding_attention":
        name, base = local_name, local_base
    found = config.get(name)
    return {**parameters, "rope_theta": base if found is None else found}


# ---- how many lanes -------------------------------------------------------------------------------------------------


def _wider_heads(config, model, layer_type):
    """Gemma 4's heads in its layers of full attention; None in all other layers."""
    layers = config.get("layer_types") or ()
    for layer, fields in (config.get("per_layer_config") or {}).items():  # as transformers 5.23 saves them
        if int(layer) < len(layers) and layers[int(layer)] == layer_type and "head_dim" in fields:
            return fields["head_dim"]
    if layer_type != "full_attention":
        return None
    return config.get("global_head_dim") or (512 if model == "gemma4" and "per_layer_config" not in config else None)


def _head_dim(config, model, layer_type):
    head_dim = _wider_heads(config, model, layer_type)
    head_dim = head_dim or _first(config, "head_dim") or _HEADS.get(model)
    if head_dim is not None:
        return integer("config's head_dim", head_dim, 0)
    width, heads = _first(config, "hidden_size", "n_embd"), _first(config, "num_attention_heads", "n_head")
    if width is None or heads is None:
        if _first(config, "qk_rope_head_dim", "rotary_dim") is not None:
            return 0  # which says all
        missing = "hidden_size" if width is None else "num_attention_heads"
        raise ValueError(f"config has no head_dim, and no {missing} to tell it")
    return integer("config's hidden_size", width, 0) // integer("config's num_attention_heads", heads, 1)


def _rotary_dim(config, model, rope, head_dim):
    dim, name = _first(config, "qk_rope_head_dim", "rotary_dim"), "rotary_dim"
    if dim is None and "rotary_dim" not in config:
        dim = _ROTARY_DIMS.get(model)
    if dim is None:
        part = _first(rope, "partial_rotary_factor")
        if part is None:
            part = _first(config, "partial_rotary_factor", "rotary_pct", "rope_pct")
        part = real("config's partial_rotary_factor", _PARTS.get(model, 1.0) if part is None else part)
        dim, name = int(head_dim * part), "head_dim * partial_rotary_factor"
    dim = integer("config's rotary_dim", dim, 0)
    if dim % 2:
        raise ValueError(f"config's {name} must be even, got {dim}")
    return dim


# ---- which scaling --------------------------------------------------------------------------------------------------


def _scaling(kind, config, model, rope):
    if model.startswith("phi3") and kind in ("su", "yarn"):
        kind = "longrope"  # names that Phi-3's files had before LongRoPE was published
    if kind in ("default", "mrope"):
        return None
    if kind not in _SCALINGS:
        raise ValueError(f"config's rope_type must be one of {', '.join(map(repr, _SCALINGS))}, got {kind!r}")
    return _SCALINGS[kind](config, rope)


def _original(config, rope):
    """The model's field counts before that of the scaling, as in transformers."""
    return _first(config, "original_max_position_embeddings") or (
        _first(rope, "original_max_position_embeddings") or _need(config, "max_position_embeddings", "text part")
    )


def _factor(config, rope):
    """Where none is given, how much longer sequences may be than the original ones."""
    factor = rope.get("factor")
    if factor is not None:
        return factor
    return _need(config, "max_position_embeddings", "text part") / _original(config, rope)


def _dynamic(config, rope):
    if rope.get("alpha"):  # Hunyuan's, which is static
        return NTK(rope["alpha"])
    return DynamicNTK(_need(rope, "factor"), _need(config, "max_position_embeddings", "text part"))


def _yarn(config, rope):
    return YaRN(
        _factor(config, rope),
        _original(config, rope),
        beta_fast=rope.get("beta_fast") or 32,
        beta_slow=rope.get("beta_slow") or 1,
        mscale=rope.get("mscale"),
        mscale_all_dim=rope.get("mscale_all_dim"),
        attention_factor=rope.get("attention_factor"),
        truncate=rope.get("truncate", True),
    )


def _llama3(config, rope):
    bands = {name: _need(rope, name) for name in ("low_freq_factor", "high_freq_factor")}
    return Llama3(_need(rope, "factor"), _original(config, rope), **bands)


def _longrope(config, rope):
    return LongRoPE(
        _need(rope, "short_factor"),
        _need(rope, "long_factor"),
        _original(config, rope),
        factor=_factor(config, rope) if rope.get("attention_factor") is None else rope.get("factor"),
        attention_factor=rope.get("attention_factor"),
    )


def _proportional(config, rope):
    part = _first(rope, "partial_rotary_factor")
    return Proportional(1.0 if part is None else part, _first(rope, "factor") or 1.0)


_SCALINGS = {
    "default": None,
    "linear": lambda config, rope: Linear(_need(rope, "factor")),
    "dynamic": _dynamic,
    "yarn": _yarn,
    "llama3": _llama3,
    "longrope": _longrope,
    "su": _longrope,
    "proportional": _proportional,
}
