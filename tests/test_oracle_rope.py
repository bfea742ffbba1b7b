# SPDX-License-Identifier: BSD-3-Clause
"""`fastops.rope.rotate` against the ONNX node suite, onnxruntime and rotary-embedding-torch."""

import numpy as np
import pytest

from fastops import rope
from peers import onnx_node_cases, peer

pytestmark = pytest.mark.oracle

CASES_AT_LEAST = 8  # of the node suite


def rotate_as_onnx(x, cos, sin, position_ids=None, *, num_heads=0, interleaved=0, rotary_embedding_dim=0):
    """ONNX's RotaryEmbedding by ours: (batch, heads, tokens, lanes), or (batch, tokens, heads * lanes)."""
    if position_ids is not None:
        cos, sin = cos[position_ids], sin[position_ids]  # (batch, tokens, pairs)
    heads_axis = 1
    view = x
    if x.ndim == 3:
        heads_axis, view = 2, x.reshape(*x.shape[:2], num_heads, -1)
    assert cos.shape[-1] == (rotary_embedding_dim or view.shape[-1]) // 2
    if x.dtype == np.float16:
        cos, sin = cos.astype(np.float32), sin.astype(np.float32)
    cos, sin = np.expand_dims(cos, heads_axis), np.expand_dims(sin, heads_axis)
    return rope.rotate(view, cos, sin, layout="interleaved" if interleaved else "half").reshape(x.shape)


def test_onnx_node_suite():
    run = 0
    for case in onnx_node_cases("RotaryEmbedding"):
        (expected,) = case.outputs.values()
        out = rotate_as_onnx(*case.inputs.values(), **case.options)
        np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-7, err_msg=case.name, strict=True)
        run += 1
    assert run >= CASES_AT_LEAST


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 1e-6), (np.float16, 2e-3)])
@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("rotary_dim", [0, 16])
def test_onnxruntime(dtype, bound, interleaved, rotary_dim):
    onnx, runtime = peer("onnx"), peer("onnxruntime")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 4, 13, 32)).astype(dtype)
    positions = rng.integers(0, 50, (2, 13))
    cos, sin = (t.astype(dtype) for t in rope.table(np.arange(50), rope.frequencies(rotary_dim or 32)))
    options = {"interleaved": interleaved, "rotary_embedding_dim": rotary_dim, "num_heads": 4}
    names = ["x", "cos", "sin", "positions"]
    inputs = dict(zip(names, (x, cos, sin, positions), strict=True))
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("RotaryEmbedding", names, ["y"], **options)],
        "one_node",
        [
            onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in inputs.items()
        ],
        [onnx.helper.make_tensor_value_info("y", onnx.helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 23)], ir_version=10)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, inputs)
    out = rotate_as_onnx(x, cos, sin, positions, **options)
    assert out.dtype == expected.dtype == dtype
    np.testing.assert_allclose(out.astype(float), expected.astype(float), atol=bound)


def test_rotary_embedding_torch_is_interleaved():
    torch = peer("torch")
    library = peer("rotary_embedding_torch")
    x = np.random.default_rng(1).standard_normal((2, 4, 300, 32)).astype(np.float32)
    with torch.no_grad():
        expected = library.RotaryEmbedding(dim=32).rotate_queries_or_keys(torch.from_numpy(x)).numpy()
    cos, sin = rope.table(np.arange(300), rope.frequencies(32))
    np.testing.assert_allclose(rope.rotate(x, cos, sin, layout="interleaved"), expected, atol=1e-4)
    exact = rope.table(np.arange(300), rope.frequencies(32, precision="float32"))  # angles as the library rounds them
    np.testing.assert_allclose(rope.rotate(x, *exact, layout="interleaved"), expected, atol=2e-6)


def test_rotary_embedding_torch_xpos():
    torch, library = peer("torch"), peer("rotary_embedding_torch")
    q, k = np.random.default_rng(2).standard_normal((2, 1, 2, 400, 32)).astype(np.float32)
    with torch.no_grad():
        rotary = library.RotaryEmbedding(dim=32, use_xpos=True, xpos_scale_base=100)
        expected = rotary.rotate_queries_and_keys(torch.from_numpy(q), torch.from_numpy(k))
    tables = rope.xpos_table(np.arange(400), rope.frequencies(32, precision="float32"), center=400 // 2, scale_base=100)
    for x, (cos, sin), want in zip((q, k), tables, expected, strict=True):
        got = rope.rotate(x, cos, sin, layout="interleaved")
        np.testing.assert_allclose(got, want.numpy(), atol=4e-6 * np.abs(want.numpy()).max())


def test_rotary_embedding_torch_pixel_frequencies_of_an_image():
    torch, library = peer("torch"), peer("rotary_embedding_torch")
    x = np.random.default_rng(2).standard_normal((1, 6, 9, 32)).astype(np.float32)
    with torch.no_grad():
        rotary = library.RotaryEmbedding(dim=16, freqs_for="pixel", max_freq=20)
        expected = library.apply_rotary_emb(rotary.get_axial_freqs(6, 9), torch.from_numpy(x)).numpy()
    one = rope.frequencies_pixel(16, max_frequency=20)
    frequencies = rope.Frequencies(np.tile(one.inverse, 2))
    positions = rope.positions_grid(6, 9, spacing="pixel").reshape(6, 9, 2)
    cos, sin = rope.table(positions, frequencies, axes=rope.axes_grid(16))
    np.testing.assert_allclose(rope.rotate(x, cos, sin, layout="interleaved"), expected, atol=2e-5)
