# SPDX-License-Identifier: BSD-3-Clause
"""`fastops.rope.preset` against the tables of the rotary modules of transformers, lane by lane."""

import warnings

import numpy as np
import pytest

from fastops import rope
from peers import peer

pytestmark = pytest.mark.oracle

VISION = {  # preset -> models with it
    "gemma4_vision": ["gemma4.Gemma4Vision"],
    "inkling2": ["inkling2.Inkling2Vision"],
    "kimi_k25": ["kimi_k25.Kimi_K25Vision"],
    "minimax_m3_vl": ["minimax_m3_vl.MiniMaxM3VLVision"],
    "pixtral": ["pixtral.PixtralVision"],
    "qwen2_vl_vision": ["qwen2_vl.Qwen2VLVision", "qwen3_vl.Qwen3VLVision", "glm4v.Glm4vVision",
                        "ernie4_5_vl_moe.Ernie4_5_VLMoeVision"],
    "step3p7": ["step3p7.Step3p7Vision"],
}  # fmt: skip
TEXT = {  # preset -> model, its fields
    "ernie4_5_vl": ("ernie4_5_vl_moe.Ernie4_5_VLMoeText", [22, 22, 20]),
    "glm4v": ("glm4v.Glm4vText", [16, 24, 24]),
    "hunyuan_vl": ("hunyuan_vl.HunYuanVLText", [16, 16, 16, 16]),
    "qwen2_vl": ("qwen2_vl.Qwen2VLText", [16, 24, 24]),
    "qwen3_vl": ("qwen3_vl.Qwen3VLText", [24, 20, 20]),
}


def parts(name):
    """The code of a model, and the class of its configuration."""
    family, prefix = name.split(".")
    code = peer(f"transformers.models.{family}.modeling_{family}")
    return code, prefix, getattr(peer(f"transformers.models.{family}.configuration_{family}"), f"{prefix}Config")


def of_lanes(tables, preset):
    """Tables of pairs as frameworks write them, one entry a lane."""
    if preset.full_width:
        return tables
    if preset.layout == "interleaved":
        return [np.repeat(t, 2, axis=-1) for t in tables]
    split = [np.split(t, preset.blocks, axis=-1) for t in tables]
    return [np.concatenate([part for block in blocks for part in (block, block)], axis=-1) for blocks in split]


def compare(preset, positions, want):
    """Our float32 tables are theirs, but for the rounding of the power."""
    found = rope.table(positions, preset.frequencies, axes=preset.axes)
    for ours, theirs in zip(of_lanes(found, preset), want, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=1e-6 + np.abs(positions).max() * 2.0**-22)


@pytest.mark.parametrize(("name", "model"), [(name, model) for name, models in VISION.items() for model in models])
def test_vision(name, model):
    torch = peer("torch")
    code, prefix, configuration = parts(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = configuration()
    module = getattr(code, f"{prefix}RotaryEmbedding")(config)
    base = config.rope_parameters["rope_theta"]
    positions = np.array([[0, 0, 0], [1, 2, 3], [3, 7, 1], [30, 5, 11]])[:, : 3 if name == "minimax_m3_vl" else 2]
    ids = torch.from_numpy(positions)
    tables = module(torch.zeros(1), ids[None] if name == "gemma4_vision" else ids)
    want = [t.numpy().reshape(len(positions), -1) for t in tables]
    dim = config.hidden_size // config.num_attention_heads if name == "minimax_m3_vl" else want[0].shape[-1]
    preset = rope.preset(name, dim, base=base, precision="float32")
    assert np.array_equal(rope.preset(name, dim, precision="float32").frequencies.inverse, preset.frequencies.inverse)
    compare(preset, positions, want)


@pytest.mark.parametrize("name", TEXT)
def test_text_with_images(name):
    torch = peer("torch")
    model, sections = TEXT[name]
    code, prefix, configuration = parts(model)
    fields = {"hidden_size": 512, "num_attention_heads": 4, "head_dim": 128, "max_position_embeddings": 4096}
    parameters = {"rope_type": "default", "rope_theta": 12345.0, "mrope_section": sections}
    config = configuration(**fields, rope_parameters=parameters)
    names = (f"{prefix}RotaryEmbedding", f"{prefix.removesuffix('Text')}RotaryEmbedding")
    module = next(getattr(code, n) for n in names if hasattr(code, n))(config)
    preset = rope.preset(name, 128, base=12345.0, sections=sections, precision="float32")
    positions = np.random.default_rng(3).integers(0, 300, (5, len(sections)))
    want = module(torch.zeros(1), torch.from_numpy(positions.T[:, None]))
    compare(preset, positions, [t.numpy()[0] for t in want])


def test_sam2():
    torch = peer("torch")
    code, prefix, configuration = parts("sam2_video.Sam2Video")
    config = configuration()
    module = getattr(code, f"{prefix}VisionRotaryEmbedding")(config)
    positions = np.array([[0, 0], [1, 2], [3, 7], [30, 5]])
    want = module(torch.zeros(1), torch.from_numpy(positions))
    compare(rope.preset("sam2", want[0].shape[-1], precision="float32"), positions, [t.numpy()[0] for t in want])


def test_neomme():
    torch = peer("torch")
    code, prefix, configuration = parts("neomme.NeoMME")
    config = configuration()
    module = getattr(code, f"{prefix}RotaryEmbedding")(config)
    positions = np.array([[0, 0], [1, 2], [3, 7], [30, 5]])
    for layer_type in sorted(set(config.layer_types)):
        want = module(torch.zeros(1), torch.from_numpy(positions.T[:, None]), layer_type)
        base = config.rope_parameters[layer_type]["rope_theta"]
        preset = rope.preset("neomme", want[0].shape[-1], base=base, precision="float32")
        compare(preset, positions, [t.numpy()[0] for t in want])


def test_llama4():
    code, prefix, configuration = parts("llama4.Llama4Vision")
    config = configuration(image_size=84, patch_size=14, hidden_size=512, num_attention_heads=4)
    want = getattr(code, f"{prefix}RotaryEmbedding")(config).freqs_ci.numpy()[:, 0]
    positions = np.concatenate([rope.positions_grid(6, 6, start=1), [[0, 0]]])  # the token for the class is last
    preset = rope.preset("llama4_vision", 128, base=config.rope_parameters["rope_theta"], precision="float32")
    cos, sin = rope.table(positions, preset.frequencies, axes=preset.axes)
    np.testing.assert_allclose(cos + 1j * sin, want, atol=1e-6)


def test_dinov3():
    torch = peer("torch")
    code, _, configuration = parts("dinov3_vit.DINOv3ViT")
    config = configuration(hidden_size=128, num_attention_heads=2, patch_size=16)
    want = code.DINOv3ViTRopePositionEmbedding(config).eval()(torch.zeros(1, 3, 48, 80))
    preset = rope.preset("dinov3", 64, base=config.rope_theta)
    compare(preset, rope.positions_grid(3, 5, spacing="centered"), [t.numpy() for t in want])


def test_vjepa2():
    torch = peer("torch")
    code, _, _ = parts("vjepa2.VJEPA2")
    x = torch.randn(1, 2, 6, 64, generator=torch.Generator().manual_seed(0))
    positions = rope.positions_grid(2, 3, 1) + [[1, 0, 0]]
    third = 2 * (64 // 3 // 2)
    blocks = [
        code.rotate_queries_or_keys(x[..., a * third : (a + 1) * third], torch.from_numpy(positions[:, a]))
        for a in range(3)
    ]
    want = torch.cat([*blocks, x[..., 3 * third :]], dim=-1).numpy()
    preset = rope.preset("vjepa2", 64)
    cos, sin = rope.table(positions, preset.frequencies, axes=preset.axes)
    got = rope.rotate(x.numpy(), cos, sin, layout=preset.layout, full_width=preset.full_width)
    np.testing.assert_allclose(got, want, atol=2e-6)
