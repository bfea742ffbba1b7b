# SPDX-License-Identifier: BSD-3-Clause
"""THE list of cases: every kernel with its inputs, its reference and its benchmarks.

Tests, benchmarks and `fastops._selftest` are driven by it; `import fastops` does not import it. A new kernel is one
more entry of CASES.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from . import attention, reference, rope, sinusoidal
from ._case import DTYPES, Array, Benchmark, Call, Case, DType, Rng, without_out
from ._cases_mitchell import CASES as MITCHELL_CASES
from ._draws import ROW, SHORT

# ---- inputs ---------------------------------------------------------------------------------------------------------


def _shape(size: int) -> tuple[int, int]:
    """Rows and pairs."""
    return (3, size) if size <= SHORT else (size // ROW, ROW)


def _table(precision: Any, rng: Rng, dtype: DType, size: int) -> Call:
    rows, pairs = _shape(size)
    positions = rng.integers(-4096, 1 << 20, rows)
    return (positions, rope.frequencies(2 * pairs, precision=precision)), {"dtype": dtype}


def _table_of_axes(rng: Rng, dtype: DType, size: int) -> Call:
    rows, pairs = _shape(size)
    axes = rng.integers(0, 3, pairs)
    return (rng.integers(0, 1000, (rows, 3)), rope.frequencies(2 * pairs)), {"axes": axes, "dtype": dtype}


def _reference_table(positions: Array, frequencies: rope.Frequencies, *, dtype: DType, axes: Any = None) -> Any:
    return reference.rope.table(positions, frequencies.inverse, frequencies.attention_factor, dtype, axes)


def _encoding(layout: str, rng: Rng, dtype: DType, size: int) -> Call:
    rows, pairs = _shape(size)
    return (rng.integers(-4096, 1 << 20, rows), 2 * pairs + 1), {"layout": layout, "dtype": dtype}


def _rotation(heads: tuple[int, ...], unused: int, options: dict[str, Any], rng: Rng, dtype: DType, size: int) -> Call:
    """An array (rows, n, lanes) for each n of heads, their tables, and the options; `unused` lanes after the pairs."""
    rows, pairs = _shape(size)
    lanes = options.get("start", 0) + 2 * pairs + unused
    xs = [rng.standard_normal((rows, n, lanes), np.float32).astype(dtype) for n in heads]
    wide = np.float64 if dtype == np.float64 else np.float32
    entries = 2 * pairs if options.get("full_width") else pairs
    cos, sin = rng.standard_normal((2, rows, 1, entries), wide)
    return (*xs, cos, sin), dict(options)


_HALF: dict[str, Any] = {"layout": "half"}
_INTERLEAVED: dict[str, Any] = {"layout": "interleaved"}
_ROTATIONS: dict[str, tuple[int, dict[str, Any]]] = {
    "half": (0, _HALF),
    "interleaved": (0, _INTERLEAVED),
    "half_partial_inverse": (2, {**_HALF, "start": 3, "inverse": True}),
    "interleaved_partial_inverse": (2, {**_INTERLEAVED, "start": 3, "inverse": True}),
    "half_full_width": (0, {**_HALF, "full_width": True}),
    "interleaved_full_width_partial": (1, {**_INTERLEAVED, "full_width": True, "start": 1}),
}


def _rotation_inputs(*heads: int) -> dict[str, Callable[[Rng, DType, int], Call]]:
    return {kind: partial(_rotation, heads, *arguments) for kind, arguments in _ROTATIONS.items()}


def _heads(causal: bool, features: bool, rng: Rng, dtype: DType, size: int) -> Call:
    """4 heads of queries and 2 of keys and values; lanes or tokens as long as size."""
    tokens, lanes = (19, min(size, 200) + 1) if size <= SHORT else (min(size // 128, 600), 16)
    q, k = (0.5 * rng.standard_normal((heads, tokens, lanes)).astype(dtype) for heads in (4, 2))
    v = rng.standard_normal((2, tokens, 5)).astype(dtype)
    maps = (attention.RandomFeatures(lanes, 20, seed=rng),) if features else ()
    return (q.astype(dtype), k.astype(dtype), v, *maps), {"causal": causal}


def _head_inputs(features: bool) -> dict[str, Callable[[Rng, DType, int], Call]]:
    return {name: partial(_heads, name == "causal", features) for name in ("bidirectional", "causal")}


# ---- benchmarks -----------------------------------------------------------------------------------------------------


def _copy(x: Array, *_: Any, **__: Any) -> Callable[[], object]:
    return partial(np.copyto, np.empty_like(x), x)


def _rotation_in_place(heads: tuple[int, ...], tokens: int, layout: str, rng: Rng, dtype: DType) -> Call:
    """Heads of 128 lanes, as Llama-3's."""
    lanes = 128
    xs = tuple(rng.standard_normal((tokens, n, lanes), np.float32).astype(dtype) for n in heads)
    wide = np.float64 if dtype == np.float64 else np.float32
    cos, sin = rope.table(np.arange(tokens)[:, None], rope.frequencies(lanes), dtype=wide)
    return (*xs, cos, sin), {"layout": layout, "out": xs if len(xs) > 1 else xs[0]}


_ROTATE_BENCHMARKS = tuple(
    Benchmark(
        f"{type} 2048 x 32 x 128, {layout}",
        type,
        partial(_rotation_in_place, (32,), 2048, layout),
        {"np.copyto": _copy, "reference": without_out(reference.rope.rotate)},
    )
    for type in ("f32", "f64", "f16", "bf16")
    for layout in ("half", "interleaved")
    if type in DTYPES
)

_ROTATE_QK_BENCHMARKS = tuple(
    Benchmark(f"f32 one token, 32 + 8 heads, {layout}", "f32", partial(_rotation_in_place, (32, 8), 1, layout))
    for layout in ("half", "interleaved")
)


def _long_table(rng: Rng, dtype: DType) -> Call:
    return (np.arange(4096), rope.frequencies(128)), {"dtype": dtype, "out": tuple(np.empty((2, 4096, 64), dtype))}


def _long_table_of_axes(rng: Rng, dtype: DType) -> Call:
    """Three coordinates, as of images in M-RoPE."""
    args, options = _long_table(rng, dtype)
    positions, axes = np.stack([args[0]] * 3, axis=-1), rope.axes_interleaved([24, 20, 20])
    return (positions, *args[1:]), {**options, "axes": axes}


def _numpy_table(
    positions: Array, frequencies: rope.Frequencies, *, dtype: DType, out: tuple[Array, Array], axes: Any = None
) -> Callable[[], object]:
    """Into out too, with memory for the angles that is there."""
    angles = np.empty(out[0].shape)

    def table() -> None:
        np.multiply(positions[:, None] if axes is None else positions[:, axes], frequencies.inverse, out=angles)
        np.cos(angles, out=out[0], casting="same_kind")
        np.sin(angles, out=out[1], casting="same_kind")

    return table


_BEST_TABLE = {"np.cos, np.sin": _numpy_table}
_TABLE_BENCHMARKS = (
    *(Benchmark(f"{type} 4096 x 64", type, _long_table, _BEST_TABLE) for type in ("f32", "f64")),
    Benchmark("f32 4096 x 64, 3 coordinates", "f32", _long_table_of_axes, _BEST_TABLE),
)


def _long_encoding(rng: Rng, dtype: DType) -> Call:
    return (np.arange(4096), 512), {"dtype": dtype}


_ENCODE_BENCHMARKS = (Benchmark("f32 4096 x 512", "f32", _long_encoding),)


def _long_heads(tokens: int, causal: bool, features: bool, rng: Rng, dtype: DType) -> Call:
    """8 heads of 64 lanes."""
    q, k, v = rng.standard_normal((3, 8, tokens, 64)).astype(dtype)
    maps = (attention.RandomFeatures(64, 256, seed=rng),) if features else ()
    return (q, k, v, *maps), {"causal": causal, "out": np.empty_like(q)}


def _torch_attention(q: Array, k: Array, v: Array, *, causal: bool, out: Array) -> Callable[[], object]:
    torch = import_module("torch")
    tensors = [torch.from_numpy(x[None]) for x in (q, k, v)]
    return partial(torch.nn.functional.scaled_dot_product_attention, *tensors, is_causal=causal)


_SOFTMAX_BENCHMARKS = tuple(
    Benchmark(
        f"f32 {tokens} tokens, {'causal' if causal else 'bidirectional'}",
        "f32",
        partial(_long_heads, tokens, causal, False),
        {"reference": without_out(reference.attention.softmax_attention), "torch": _torch_attention},
        products=2 * 64 * 8 * tokens * (tokens + 1) // (2 if causal else 1),
        blas=True,
    )
    for tokens, causal in ((1024, False), (4096, True))
)

# The arithmetic that both do, as if it were all in products of matrices: 4 m d a token and head.
_FEATURE_BENCHMARKS = tuple(
    Benchmark(
        f"f32 {tokens} tokens, {'causal' if causal else 'bidirectional'}",
        "f32",
        partial(_long_heads, tokens, causal, True),
        {"reference": without_out(reference.attention.random_feature_attention)},
        products=4 * 256 * 64 * 8 * tokens,
        blas=True,
    )
    for tokens, causal in ((16384, False), (4096, True))
)


# ---- the list -------------------------------------------------------------------------------------------------------

CASES = (
    *MITCHELL_CASES,
    Case(
        name="rope.table",
        kernel="rope_table",
        function=rope.table,
        reference=_reference_table,
        inputs={f"{precision}_angles": partial(_table, precision) for precision in ("float64", "float32")}
        | {"axes": _table_of_axes},
        tolerance=1,
        reason="our sine and NumPy's are each within 1 ulp of float64, and rounded once more where tables are float32",
        takes_out=False,
        benchmarks=_TABLE_BENCHMARKS,
    ),
    Case(
        name="rope.rotate",
        kernel="rope_rotate",
        function=rope.rotate,
        reference=reference.rope.rotate,
        inputs=_rotation_inputs(2),
        benchmarks=_ROTATE_BENCHMARKS,
    ),
    Case(
        name="rope.rotate_qk",
        kernel="rope_rotate",
        function=rope.rotate_qk,
        reference=reference.rope.rotate_qk,
        inputs=_rotation_inputs(3, 1),
        benchmarks=_ROTATE_QK_BENCHMARKS,
    ),
    Case(
        name="sinusoidal.encode",
        kernel="rope_table",
        function=sinusoidal.encode,
        reference=reference.sinusoidal.encode,
        inputs={layout: partial(_encoding, layout) for layout in ("interleaved", "sin_cos", "cos_sin")},
        tolerance=1,
        reason="as for rope.table",
        benchmarks=_ENCODE_BENCHMARKS,
    ),
    Case(
        name="attention.softmax_attention",
        kernel="attention_softmax",
        function=attention.softmax_attention,
        reference=reference.attention.softmax_attention,
        inputs=_head_inputs(features=False),
        tolerance=64,
        reason="sums of 600 terms in another order, and another exponential",
        same_bits_on_every_isa=False,
        benchmarks=_SOFTMAX_BENCHMARKS,
    ),
    Case(
        name="attention.random_feature_attention",
        kernel="attention_features",
        function=attention.random_feature_attention,
        reference=reference.attention.random_feature_attention,
        inputs=_head_inputs(features=True),
        tolerance=512,
        reason="logarithms up to 50 are rounded before they become powers; sums in another order",
        same_bits_on_every_isa=False,
        benchmarks=_FEATURE_BENCHMARKS,
    ),
)
