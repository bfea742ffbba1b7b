# SPDX-License-Identifier: BSD-3-Clause
"""Cases of the ufuncs of `mitchell`: a part of the list in `_cases`."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from . import mitchell, reference
from ._case import DTYPES, Array, Benchmark, Call, Case, DType, Rng, prepared, without_out
from ._draws import DRAWS, SHORT, any_bits, near_one

Draw = Callable[[Rng, DType, int], Array]


def _operands(draw: Draw, count: int, rng: Rng, dtype: DType, size: int) -> Call:
    args = tuple(draw(rng, dtype, size) for _ in range(count))
    if count == 3 and draw is near_one:  # offsets below 1 have a loop of their own
        args[2][...] = args[2] * dtype.type(0.0625)
    return args, {}


def _with_corrections(draw: Draw, rng: Rng, dtype: DType, size: int) -> Call:
    """Two operands of multiply_ilm, and numbers of corrections up to all that can be needed by 8 bits."""
    return (draw(rng, dtype, size), draw(rng, dtype, size), rng.integers(0, 9, size).astype(dtype)), {}


def _inputs(count: int) -> Mapping[str, Callable[[Rng, DType, int], Call]]:
    return {draw.__name__: partial(_operands, draw, count) for draw in DRAWS}


def _in_result_type(ufunc: np.ufunc) -> Callable[..., object]:
    """ufunc, but integers are widened as fastops widens them."""
    return lambda x, y, *, out: ufunc(x, y, out=out, **({} if out.dtype == x.dtype else {"dtype": out.dtype}))


def _elementwise(function: Any, size: int, rare: float, share: float, rng: Rng, dtype: DType) -> Call:
    x, y = near_one(rng, dtype, size), near_one(rng, dtype, size)
    x[rng.random(size) < share] = rare
    return (x, y), {"out": np.empty_like(function(x[:0], y[:0]), shape=size)}


def _mitchell_benchmarks(function: Any, for_floats: np.ufunc, for_integers: np.ufunc) -> tuple[Benchmark, ...]:
    def one(label: str, type: str, size: int, rare: float = 0, share: float = 0) -> Benchmark:
        best = for_integers if type.startswith(("i", "u")) else for_floats
        make = partial(_elementwise, function, size, rare, share)
        return Benchmark(f"{type} {label}", type, make, {f"np.{best.__name__}": prepared(_in_result_type(best))})

    small, large = 10**4, 10**7
    return (
        one("10^4", "f32", small),
        one("10^4, half zeros", "f32", small, 0, 0.5),
        one("10^4, 2 % inf", "f32", small, np.inf, 0.02),
        one("10^7", "f32", large),
        *(one("10^6", type, 10**6) for type in ("f64", "f16", "bf16", "i8") if type in DTYPES),
    )


def _one_benchmark(function: np.ufunc, type: str, label: str, best: Callable[..., object]) -> tuple[Benchmark, ...]:
    """10^4 positive numbers near 1; a third operand is one number, as offsets are."""

    def make(rng: Rng, dtype: DType) -> Call:
        args = tuple(np.abs(near_one(rng, dtype, 10**4)) for _ in range(min(function.nin, 2)))
        args += (np.array(0.0625, dtype),) * (function.nin - len(args))
        return args, {"out": np.empty_like(function(*args))}

    return (Benchmark(f"{type} 10^4", type, make, {label: prepared(best)}),)


def _reciprocal_sqrt(x: Array, *, out: Array) -> Array:
    np.sqrt(x, out=out)
    return np.reciprocal(out, out=out)


def _plus_offset(ufunc: np.ufunc, x: Array, y: Array, c: Array, *, out: Array) -> Array:
    """The exact operation, with a third operand read that stands for c."""
    ufunc(x, y, out=out)
    result: Array = np.multiply(out, c, out=out)
    return result


def _integer_product(x: Array, y: Array, k: Array, *, out: Array) -> Array:
    result: Array = np.multiply(x, y, out=out, dtype=out.dtype)
    return result


def _ilm_benchmark(rng: Rng, dtype: DType) -> Call:
    args, _ = _with_corrections(near_one, rng, dtype, 10**4)
    return args, {"out": np.empty(10**4, np.int32)}


# What NumPy has for each; the approximations of products are timed beside exact ones.
_BEST: dict[str, tuple[str, Callable[..., object]]] = {
    "square": ("np.square", np.square),
    "sqrt": ("np.sqrt", np.sqrt),
    "reciprocal": ("np.reciprocal", np.reciprocal),
    "rsqrt": ("np.sqrt, np.reciprocal", _reciprocal_sqrt),
    "log2": ("np.log2", np.log2),
    "exp2": ("np.exp2", np.exp2),
    "power": ("np.power", np.power),
    "multiply_offset": ("np.multiply, twice", partial(_plus_offset, np.multiply)),
    "divide_offset": ("np.divide, np.multiply", partial(_plus_offset, np.divide)),
    "multiply_lmul": ("np.multiply", np.multiply),
    "multiply_mbm": ("np.multiply", np.multiply),
    "multiply_realm": ("np.multiply", np.multiply),
}


def _case(name: str) -> Case:
    function: Any = getattr(mitchell, name)
    return Case(
        name=f"mitchell.{name}",
        kernel=f"mitchell_{name}",
        function=function,
        reference=getattr(reference.mitchell, name),
        inputs=_inputs(function.nin),
        benchmarks=_one_benchmark(function, "f32", *_BEST[name]),
    )


def _matrices(draw: Draw, method: str, rng: Rng, dtype: DType, size: int) -> Call:
    """(rows, 33) and (33, n): few rows and n = size, or many rows. Integers have Mitchell's product only."""
    rows, columns = (7, size) if size <= SHORT else (size // 16, 17)
    steps = 33
    a, b = draw(rng, dtype, rows * steps), draw(rng, dtype, steps * columns)
    options: dict[str, Any] = {} if dtype.kind in "iu" else {"method": method}
    if options and method == "offset":
        options["offset"] = -0.2
    return (a.reshape(rows, steps), b.reshape(steps, columns)), options


def _square_matrices(size: int, zeros: float, rng: Rng, dtype: DType) -> Call:
    """Both normally distributed, or all integers; and a share of exact zeros in the first."""
    shape = (2, size, size)
    if dtype.kind in "iu":
        a, b = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, endpoint=True).astype(dtype)
    else:
        a, b = rng.standard_normal(shape).astype(dtype)
    a[rng.random((size, size)) < zeros] = 0
    return (a, b), {"out": np.empty_like(mitchell.matmul(a[:1], b[:, :1]), shape=(size, size))}


def _matmul_benchmark(label: str, type: str, size: int, zeros: float = 0, **baselines: Any) -> Benchmark:
    make = partial(_square_matrices, size, zeros)
    return Benchmark(f"{type} {size}^3{label}", type, make, baselines, products=size**3, blas=True)


_NUMPY: dict[str, Any] = {"np.matmul": prepared(np.matmul)}
_REFERENCE: dict[str, Any] = {"reference": without_out(reference.mitchell.matmul)}
_MATMUL_BENCHMARKS = (
    _matmul_benchmark("", "f32", 64, **_NUMPY),
    _matmul_benchmark("", "f32", 1024, **_NUMPY),
    _matmul_benchmark(", half of a zeros", "f32", 1024, 0.5, **_NUMPY),
    _matmul_benchmark(", 90 % of a zeros", "f32", 1024, 0.9, **_NUMPY),
    _matmul_benchmark("", "f64", 1024, **_NUMPY),
    *(_matmul_benchmark("", type, 256, **_REFERENCE) for type in ("f32", "bf16", "i8") if type in DTYPES),
)


CASES = (
    Case(
        name="mitchell.multiply",
        kernel="mitchell_multiply",
        function=mitchell.multiply,
        reference=reference.mitchell.multiply,
        inputs=_inputs(2),
        benchmarks=_mitchell_benchmarks(mitchell.multiply, np.multiply, np.multiply),
    ),
    Case(
        name="mitchell.divide",
        kernel="mitchell_divide",
        function=mitchell.divide,
        reference=reference.mitchell.divide,
        inputs=_inputs(2),
        benchmarks=_mitchell_benchmarks(mitchell.divide, np.divide, np.floor_divide),
    ),
    *(_case(name) for name in _BEST),
    Case(
        name="mitchell.multiply_ilm",
        kernel="mitchell_multiply_ilm",
        function=mitchell.multiply_ilm,
        reference=reference.mitchell.multiply_ilm,
        inputs={draw.__name__: partial(_with_corrections, draw) for draw in DRAWS},
        benchmarks=(
            Benchmark(
                "i16 10^4, k from 0 to 8",
                "i16",
                lambda rng, dtype: (
                    _with_corrections(near_one, rng, dtype, 10**4)[0],
                    {"out": np.empty(10**4, np.int32)},
                ),
                {"np.multiply": prepared(_integer_product)},
            ),
        ),
    ),
    Case(
        name="mitchell.matmul",
        kernel="mitchell_matmul",
        function=mitchell.matmul,
        reference=reference.mitchell.matmul,
        inputs={draw.__name__: partial(_matrices, draw, "mitchell") for draw in DRAWS}
        | {method: partial(_matrices, any_bits, method) for method in ("offset", "lmul", "mbm")},
        reason="products and the order of sums are given",
        benchmarks=_MATMUL_BENCHMARKS,
    ),
)
