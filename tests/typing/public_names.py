# SPDX-License-Identifier: BSD-3-Clause
"""What a user's type checker sees. `mypy --strict` checks this file (make lint); it runs, too."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import fastops
from fastops import attention, mitchell, rope, sinusoidal

f32, f64 = np.ones(4, np.float32), np.ones(4)
i8, u16, i64 = np.ones(4, np.int8), np.ones(4, np.uint16), np.ones(4, np.int64)

# Ufuncs: what goes in comes out, and products of integers are twice as wide.
assert_type(mitchell.multiply(f32, f32), NDArray[np.float32])
assert_type(mitchell.multiply(f32, 2.0), NDArray[np.float32])
assert_type(mitchell.multiply(2.0, f32), NDArray[np.float32])
assert_type(mitchell.multiply(f32, np.float64(2)), NDArray[np.float64])
assert_type(mitchell.multiply(i8, i8), NDArray[np.int16])
assert_type(mitchell.multiply(u16, 3), NDArray[np.uint32])
assert_type(mitchell.multiply(i64, i64), NDArray[np.int64])
assert_type(mitchell.divide(i8, i8), NDArray[np.int8])
assert_type(mitchell.divide(f64, f64, where=True), NDArray[np.float64])
assert_type(mitchell.divide(1.5, 2.0), np.float64)
assert_type(mitchell.divide(np.float32(1.5), np.float32(2)), np.float32)
assert_type(mitchell.multiply([1.5], [2.0]), Any)
assert_type(mitchell.multiply(i8, f32), Any)
assert_type(mitchell.multiply([1.5], 2.0, out=f64), np.ndarray[tuple[int], np.dtype[np.float64]])
assert_type(mitchell.multiply(f32, f32, dtype=np.float64), Any)
assert_type(mitchell.multiply.nin, int)
assert_type(mitchell.multiply.types, list[Any])
mitchell.multiply.at(f32, [0, 0], 2.0)
mitchell.multiply.outer(f32, f32)
mitchell.multiply.reduce(f64, axis=0, keepdims=True)
mitchell.multiply.accumulate(f64)
mitchell.multiply.reduceat(f64, [0, 2])
assert_type(mitchell.square(i8), NDArray[np.int16])
assert_type(mitchell.square(i64), NDArray[np.int64])
assert_type(mitchell.sqrt(f32), NDArray[np.float32])
assert_type(mitchell.rsqrt(np.float32(2)), np.float32)
assert_type(mitchell.log2(u16), NDArray[np.float32])
assert_type(mitchell.exp2(i64), NDArray[np.float64])
assert_type(mitchell.reciprocal([1.5]), Any)
assert_type(mitchell.power(f32, 0.5), NDArray[np.float32])
assert_type(mitchell.power(i8, i8), Any)
assert_type(mitchell.multiply_lmul(f32, f32), NDArray[np.float32])
assert_type(mitchell.multiply_offset(f32, f32, 0.0625), NDArray[np.float32])
assert_type(mitchell.divide_offset(f64, f64, f64), NDArray[np.float64])
assert_type(mitchell.multiply_ilm(i8, i8, 3), NDArray[np.int16])
assert_type(mitchell.multiply_ilm(i64, i64, i64), NDArray[np.int64])
mitchell.multiply_mbm.reduce(f64)
mitchell.multiply_realm.outer(f64, f64)
assert_type(mitchell.matmul(np.ones((2, 3), np.float32), np.ones((3, 2), np.float32)), NDArray[np.float32])
assert_type(mitchell.multiply_vjp(f32, f32, f32, offset=0.0625), tuple[NDArray[np.float32], NDArray[np.float32]])
assert_type(mitchell.multiply_vjp(1.5, f64, f64, mode="approximate"), tuple[Any, Any])
assert_type(mitchell.matmul_vjp(f64, f64, np.ones(())), tuple[NDArray[np.float64], NDArray[np.float64]])
assert_type(mitchell.error_statistics("mitchell", np.float32).bias, float)

# Rotary embeddings keep the types of the arrays that they rotate.
frequencies = rope.frequencies(4, base=5e5, precision="float64")
assert_type(frequencies, rope.Frequencies)
assert_type(frequencies.attention_factor, float)
assert_type(rope.table([0, 1], frequencies), tuple[NDArray[np.float32], NDArray[np.float32]])
assert_type(rope.table(np.arange(2), frequencies, dtype=np.float64), tuple[NDArray[np.float64], NDArray[np.float64]])
cos, sin = rope.table(np.arange(2), frequencies)
x: NDArray[np.float32] = np.ones((2, 4), np.float32)
k: NDArray[np.float32] = np.ones((2, 6), np.float32)
assert_type(rope.rotate(x, cos, sin, layout="interleaved"), NDArray[np.float32])
assert_type(rope.rotate_qk(x, k, cos, sin, out=(x, k)), tuple[NDArray[np.float32], NDArray[np.float32]])
heads: NDArray[np.float32] = np.ones((2, 1, 4), np.float32)
rotary = rope.Rotary(4)
assert_type(rotary(heads), NDArray[np.float32])
assert_type(rotary(heads, heads, offset=3), tuple[NDArray[np.float32], NDArray[np.float32]])
assert_type(rotary.shift(heads, -3), NDArray[np.float32])

scaled = rope.frequencies(4, scaling=rope.YaRN(4, 4096), sequence_length=8192)
assert_type(scaled, rope.Frequencies)
assert_type(rope.YaRN(4, 4096).factor, float)
assert_type(rope.from_config({"head_dim": 4}, layer_type="full_attention"), rope.Frequencies)
vision = rope.preset("sam2", 8)
assert_type(
    rope.table(rope.positions_grid(1, 2), vision.frequencies, axes=vision.axes),
    tuple[NDArray[np.float32], NDArray[np.float32]],
)
assert_type(rope.xpos_table([0, 1], frequencies)[0], tuple[NDArray[np.float32], NDArray[np.float32]])
assert_type(rope.Rotary(4, scaling=rope.DynamicNTK(2, 8)).shift(heads, 1, sequence_length=9), NDArray[np.float32])

# Sinusoidal encodings.
assert_type(sinusoidal.encode([0, 1], 4), NDArray[np.float32])
assert_type(sinusoidal.encode(0.5, 4, layout="sin_cos", dtype=np.float64), NDArray[np.float64])
assert_type(sinusoidal.encode_grid(1, 2, 4, order="column_row"), NDArray[np.float32])
assert_type(sinusoidal.shift_matrix(1, 4), NDArray[np.float64])
assert_type(sinusoidal.correlation_limit([1, 2]), NDArray[np.float64])

# Attention.
features = attention.RandomFeatures(4, 8, kind="hyperbolic", seed=0)
assert_type(features.log_features([[1.0, 2.0, 3.0, 4.0]]), NDArray[np.float64])
assert_type(attention.softmax_attention(heads, heads, heads, causal=True), NDArray[np.float32])
assert_type(attention.random_feature_attention(heads, heads, heads, features), NDArray[np.float32])

assert_type(fastops.__version__, str)
assert_type(fastops.get_num_threads(), int)
assert_type(fastops.runtime_info(), dict[str, Any])

# Each of these is a mistake; the checker fails on an ignore that nothing needs.


def mistakes_that_the_checker_finds() -> None:
    rope.rotate(x, cos, sin, layout="neox")  # type: ignore[arg-type]
    rope.rotate([1.0], cos, sin)  # type: ignore[type-var]
    rope.rotate_qk(x, k, cos, sin, out=x)  # type: ignore[arg-type]
    rope.frequencies(4, precision="float16")  # type: ignore[arg-type]
    rope.frequencies(4, scaling="yarn")  # type: ignore[arg-type]
    rope.YaRN(4, 4096).factor = 2.0  # type: ignore[misc]
    sinusoidal.encode([0], 4, layout="half")  # type: ignore[call-overload]
    rotary(heads, heads, heads_axis=1)  # type: ignore[call-overload]
    mitchell.multiply(f32)  # type: ignore[call-overload]
    mitchell.multiply(f32, f32, rounding=1)  # type: ignore[call-overload]
    mitchell.sqrt(f32, f32, f32)  # type: ignore[call-overload]
    mitchell.multiply_ilm(i8, i8)  # type: ignore[call-overload]
    mitchell.matmul([1.5], [2.0])  # type: ignore[call-overload]
    mitchell.matmul_vjp(f64, f64, f64, method="realm")  # type: ignore[arg-type]
    mitchell.error_statistics("booth", np.float32)  # type: ignore[arg-type]
    attention.RandomFeatures(4, kind="favor")  # type: ignore[arg-type]
    fastops.set_num_threads("2")  # type: ignore[arg-type]
