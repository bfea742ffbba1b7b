# SPDX-License-Identifier: BSD-3-Clause
"""mitchell.matmul: bit for bit the documented sums, whatever zeros, ranges and specials make of a tile."""

import numpy as np
import pytest

import fastops
from fastops import _fastops_core as core
from fastops import mitchell, reference
from fastops._case import DTYPES as ALL
from support import SANITIZED, run_python

DTYPES = [np.float32, np.float64]
SHAPES = [(1, 1, 1), (3, 5, 7), (6, 16, 16), (7, 513, 33), (50, 100, 70), (13, 1025, 17), (193, 40, 65)]
MANY_STRIPS = (5, 3, 128 * 16 + 9)  # more columns than one block of B


def bits(x):
    return x.view(f"u{x.dtype.itemsize}")


def check(a, b, **options):
    """Every table gives the reference's bits, on one thread and on two."""
    expected = reference.mitchell.matmul(a, b, **options)
    before = core._isa(), fastops.get_num_threads()
    try:
        for isa in core._isa_names():
            core._use_isa(isa)
            for threads in 1, 2:
                fastops.set_num_threads(threads)
                result = mitchell.matmul(a, b, **options)
                wrong = np.argwhere(bits(result) != bits(expected))
                assert len(wrong) == 0, f"{isa}, {threads} threads: {len(wrong)} differ, first at {wrong[0]}"
    finally:
        core._use_isa(before[0])
        fastops.set_num_threads(before[1])


def spread(rng, x, exponents):
    """x with its exponents spread over +- exponents."""
    return np.ldexp(x, rng.integers(-exponents, exponents + 1, x.shape)).astype(x.dtype)


def sparse(rng, x, kept):
    """x with exact zeros of both signs."""
    return (x * (rng.random(x.shape) < kept)).astype(x.dtype)


@pytest.fixture(params=DTYPES, ids=lambda dtype: np.dtype(dtype).name)
def dtype(request):
    return request.param


@pytest.fixture(params=[*SHAPES, MANY_STRIPS], ids=lambda shape: "x".join(map(str, shape)))
def pair(request, dtype):
    m, k, n = request.param
    rng = np.random.default_rng([m, k, n])
    return rng, rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)


def test_normal_numbers(pair):
    _, a, b = pair
    check(a, b)


@pytest.mark.parametrize("kept", [0.5, 0.05])
def test_zeros_in_either_or_both(pair, kept):
    rng, a, b = pair
    check(sparse(rng, a, kept), b)
    check(a, sparse(rng, b, kept))
    check(sparse(rng, a, kept), sparse(rng, b, kept))


def test_all_zero_rows_and_matrices_keep_the_sign_of_zero(pair):
    _, a, b = pair
    a = a.copy()
    a[0] = 0
    check(a, -abs(b))  # every product of row 0 is -0
    check(0 * a, -abs(b))
    check(a, 0 * b)


def test_sums_that_cancel_exactly_are_positive_zero(pair):
    rng, a, b = pair
    half = a.shape[1] // 2
    if half == 0:
        pytest.skip("one product cannot cancel")
    a, b = sparse(rng, spread(rng, a, 15), 0.7), spread(rng, b, 15)
    a[:, half : 2 * half], b[half : 2 * half] = -a[:, :half], b[:half]
    check(a, b)


def test_exponents_too_wide_for_one_encoding(pair):
    rng, a, b = pair
    check(spread(rng, a, 50), spread(rng, b, 50))
    check(spread(rng, a, 120), b)


def test_products_that_underflow_or_overflow(pair):
    _, a, b = pair
    big = np.finfo(a.dtype).maxexp // 2
    check(np.ldexp(a, -big).astype(a.dtype), np.ldexp(b, -big).astype(b.dtype))
    check(np.ldexp(a, big).astype(a.dtype), np.ldexp(b, big).astype(b.dtype))
    check(np.ldexp(a, -2 * big).astype(a.dtype), b)  # subnormal operands


def test_sums_that_overflow(dtype):
    largest = np.finfo(dtype).max
    check(np.full((7, 600), largest, dtype), np.ones((600, 5), dtype))
    check(np.full((7, 600), largest, dtype), -np.ones((600, 5), dtype))


def test_infinities_and_nans_stay_in_their_rows_and_columns(pair):
    _, a, b = pair
    m, k, n = *a.shape, b.shape[1]
    a, b = a.copy(), b.copy()
    a[m // 2, k // 2] = np.nan
    check(a, b)
    a[0, 0], b[k // 2, n // 2] = np.inf, -np.inf
    check(a, b)
    a[0, -1] = -np.inf  # inf - inf, in another block of k for long k
    check(a, b)


def test_one_step_equals_multiply(dtype):
    special = np.array([0, -0.0, 1, -1.5, np.inf, -np.inf, np.finfo(dtype).tiny / 2, np.finfo(dtype).max], dtype)
    product = mitchell.matmul(special[:, None], special[None, :])
    expected = mitchell.multiply.outer(special, special)
    np.testing.assert_array_equal(bits(product), bits(expected))


def test_views_of_any_strides_and_orders(dtype):
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((40, 90)).astype(dtype), rng.standard_normal((60, 90)).astype(dtype)
    expected = mitchell.matmul(a, b.T.copy())
    out = np.empty((60, 40), dtype)
    for left in a, np.asfortranarray(a), a[::-1][::-1]:
        np.testing.assert_array_equal(mitchell.matmul(left, b.T), expected)
    np.testing.assert_array_equal(mitchell.matmul(a[::-1], b.T)[::-1], expected)
    assert mitchell.matmul(a, b.T, out=out.T) is not None
    np.testing.assert_array_equal(out.T, expected)


@pytest.mark.parametrize(
    ("left", "right"),
    [((5,), (5,)), ((4, 5), (5,)), ((5,), (5, 3)), ((2, 4, 5), (5, 3)), ((2, 1, 4, 5), (3, 5, 6)), ((3, 4, 5), (5,))],
)
def test_shapes_are_those_of_numpy_matmul(left, right, dtype):
    rng = np.random.default_rng(4)
    a, b = rng.integers(1, 5, left).astype(dtype), 2.0 ** rng.integers(0, 3, right).astype(dtype)
    expected = np.matmul(a, b)  # powers of two: Mitchell's products are exact
    result = mitchell.matmul(a, b)
    assert type(result) is type(expected)
    np.testing.assert_array_equal(result, expected, strict=True)
    out = np.full(expected.shape, np.nan, dtype)
    assert mitchell.matmul(a, b, out=out) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    "shapes", [((0, 3), (3, 2)), ((2, 3), (3, 0)), ((2, 0), (0, 3)), ((0, 2, 3), (3, 4)), ((0,), (0,))]
)
def test_empty_operands_give_the_mathematical_answer(shapes, dtype):
    a, b = (np.ones(shape, dtype) for shape in shapes)
    np.testing.assert_array_equal(mitchell.matmul(a, b), np.matmul(a, b), strict=True)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"a": [[1.0]]}, TypeError, "a must be a numpy.ndarray, got list"),
        (
            {"a": np.ones((2, 3), int)},
            TypeError,
            "a has dtype int64; supported: float32, float64, float16, bfloat16, int8, uint8, int16",
        ),
        ({"b": np.ones((3, 4))}, TypeError, "b has dtype float64; float32 is needed"),
        ({"b": np.ones((4, 4), np.float32)}, ValueError, r"b has shape \(4, 4\); its axis of products must be 3 long"),
        ({"b": np.array(1, np.float32)}, ValueError, r"b has shape \(\); at least one axis"),
        (
            {"b": np.ones((2, 3, 4), np.float32), "a": np.ones((3, 2, 3), np.float32)},
            ValueError,
            "b has shape .* broadcast",
        ),
        ({"method": "exact"}, ValueError, "method must be one of 'mitchell', 'offset', 'lmul', 'mbm', got 'exact'"),
        ({"offset": 0.1}, ValueError, "offset goes with method 'offset', got 0.1 with method 'mitchell'"),
        ({"offset": 0.1, "method": "lmul"}, ValueError, "offset goes with method 'offset'"),
        ({"offset": np.nan, "method": "offset"}, ValueError, "offset must be finite as float32, got nan"),
        ({"offset": -np.inf, "method": "offset"}, ValueError, "offset must be finite as float32, got -inf"),
        ({"offset": 1e300, "method": "offset"}, ValueError, r"offset must be finite as float32, got 1e\+300"),
        ({"offset": "0.1", "method": "offset"}, TypeError, "offset must be a number, got str '0.1'"),
        (
            {"a": np.ones((2, 3), np.int8), "b": np.ones((3, 4), np.int8), "method": "lmul"},
            ValueError,
            "method 'lmul' is for floats; a has dtype int8",
        ),
        ({"out": np.ones((2, 3), np.float32)}, ValueError, r"out has shape \(2, 3\); \(2, 4\) is needed"),
        ({"out": np.ones((2, 4))}, TypeError, "out has dtype float64; float32 is needed"),
        ({"out": np.broadcast_to(np.float32(1), (2, 4))}, ValueError, "out is read-only"),
    ],
)
def test_wrong_arguments(change, error, message):
    arguments = {"a": np.ones((2, 3), np.float32), "b": np.ones((3, 4), np.float32)} | change
    with pytest.raises(error, match=message):
        mitchell.matmul(arguments.pop("a"), arguments.pop("b"), **arguments)


def test_output_that_overlaps_an_operand_is_refused():
    a = np.eye(4, dtype=np.float32)
    with pytest.raises(ValueError, match="out overlaps a in memory"):
        mitchell.matmul(a, a.copy(), out=a)
    np.testing.assert_array_equal(a, np.eye(4))


def test_no_memory_writes_nothing():
    a, out = np.ones((8, 8), np.float32), np.full((8, 8), 7, np.float32)
    core._fail_allocation(0)
    with pytest.raises(MemoryError):
        mitchell.matmul(a, a, out=out)
    np.testing.assert_array_equal(out, 7)
    np.testing.assert_array_equal(mitchell.matmul(a, a), 8)


# ---- other products --------------------------------------------------------------------------------------------------

METHODS = {
    "offset": ({"offset": -0.2}, lambda a, b: mitchell.multiply_offset(a, b, np.asarray(-0.2).astype(a.dtype))),
    "lmul": ({}, mitchell.multiply_lmul),
    "mbm": ({}, mitchell.multiply_mbm),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("type", ["f32", "f64", "f16", "bf16"])
def test_one_step_of_other_methods_equals_their_ufuncs(method, type):
    dtype = ALL[type]
    options, product = METHODS[method]
    rng = np.random.default_rng(8)
    special = np.array([0, -0.0, 1, -1.5, 1.96875, np.inf, -np.inf])
    a = np.concatenate([special, rng.uniform(1, 2, 60), rng.standard_normal(60)]).astype(dtype)
    b = np.concatenate([rng.uniform(1, 2, 40), -special]).astype(dtype)
    result = mitchell.matmul(a[:, None], b[None], method=method, **options)
    np.testing.assert_array_equal(bits(result), bits(product(a[:, None], b[None])))


@pytest.mark.parametrize("method", METHODS)
def test_sums_of_other_methods(pair, method):
    rng, a, b = pair
    options, _ = METHODS[method]
    check(a, b, method=method, **options)
    check(sparse(rng, a, 0.5), sparse(rng, b, 0.5), method=method, **options)
    check(sparse(rng, a, 0.1), spread(rng, b, 60), method=method, **options)


@pytest.mark.parametrize("offset", [-300.0, -130.0, -1.0, 1.0, 100.0, 126.5, 300.0])
def test_offsets_that_leave_the_range(offset):
    rng = np.random.default_rng(9)
    a, b = rng.standard_normal((7, 30)).astype(np.float32), rng.standard_normal((30, 17)).astype(np.float32)
    check(a, b, method="offset", offset=offset)
    check(np.ldexp(a, 100).astype(np.float32), b, method="offset", offset=offset)


# ---- other types -----------------------------------------------------------------------------------------------------

HALVES = [ALL[name] for name in ("f16", "bf16") if name in ALL]


@pytest.fixture(params=HALVES, ids=lambda dtype: np.dtype(dtype).name)
def half(request):
    return np.dtype(request.param)


def check_half(a, b):
    """Products have float32's exponents, sums are float32's; the last one is rounded once."""
    np.testing.assert_array_equal(bits(mitchell.matmul(a, b)), bits(reference.mitchell.matmul(a, b)))


@pytest.mark.parametrize(
    "shape", [*SHAPES, (1100, 513, 20), (5, 520, 1100)], ids=lambda shape: "x".join(map(str, shape))
)
def test_halves_are_summed_in_float32_and_rounded_once(half, shape):
    m, k, n = shape
    rng = np.random.default_rng(shape)
    a, b = rng.standard_normal((m, k)).astype(half), rng.standard_normal((k, n)).astype(half)
    check_half(a, b)
    check_half(np.asfortranarray(a), np.asfortranarray(b)[:, ::-1])


def test_products_of_halves_have_the_exponents_of_float32(half):
    # 300 * 300 is no float16, nor are products of tiny numbers; their sums are.
    big, small = np.full((2, 2), 300, half), np.full((2, 2), 2.0**-10, half)
    signs = np.array([[1, -1]], half)
    np.testing.assert_array_equal(mitchell.matmul(big * signs, big).astype(float), 0)
    np.testing.assert_array_equal(mitchell.matmul(small, small).astype(float), 2.0**-19)
    special = np.array([0, -0.0, 1.5, -2, np.inf, np.nan, 2.0**-15, 2.0**-130]).astype(half)
    check_half(special[:, None], special[None])
    check_half(np.tile(special, (3, 1)), np.tile(special[:, None], (1, 5)))


@pytest.mark.parametrize(("dtype", "wide"), [(np.int8, np.int32), (np.uint8, np.int32), (np.int16, np.int64)])
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 257, 33), (13, 1025, 17), (193, 600, 65)])
def test_integers_are_exact(dtype, wide, shape):
    m, k, n = shape
    rng, limits = np.random.default_rng(shape), np.iinfo(dtype)
    draws = [rng.integers(limits.min, limits.max + 1, size).astype(dtype) for size in ((m, k), (k, n))]
    for a, b in draws, [np.full_like(x, limits.min or limits.max) for x in draws], [x * (x % 3 == 0) for x in draws]:
        result = mitchell.matmul(a, b)
        expected = sum(reference.mitchell.multiply(a[:, i, None], b[None, i]).astype(wide) for i in range(k))
        np.testing.assert_array_equal(result, expected, strict=True)
        out = np.empty_like(expected)
        assert mitchell.matmul(a, b, out=out) is out
        np.testing.assert_array_equal(out, expected)


def test_sums_of_integers_wrap_as_those_of_numpy():
    a = np.full((1, 140_000), -128, np.int8)
    expected = np.int64(16384) * 140_000 - 2**32
    assert mitchell.matmul(a, a.T)[0, 0] == expected
    with pytest.raises(TypeError, match="out has dtype int8; int32 is needed, as a has int8"):
        mitchell.matmul(a, a.T, out=np.empty((1, 1), np.int8))


def test_few_nonzeros_and_few_columns(dtype):
    """Rows by the list of their nonzeros, beside rows that are not, for groups of strips and single ones."""
    rng = np.random.default_rng(6)
    a, b = rng.standard_normal((40, 600)).astype(dtype), rng.standard_normal((600, 150)).astype(dtype)
    a[6:30] *= rng.random((24, 600)) < 0.1
    a[12:14] = 0
    check(a, b)
    check(a, sparse(rng, b, 0.1))
    b[5, 70] = np.inf  # 0 x inf is NaN
    check(a, b)


@pytest.mark.skipif(SANITIZED, reason="has memory of its own")
@pytest.mark.parametrize("name", ["float32", "float16", "int8"])
def test_memory_beside_operands_and_result_is_bounded(name):
    code = f"""
        import resource
        import numpy as np
        from fastops import mitchell
        a = np.ones((2500, 1500), "{name}")
        b = a.T
        mitchell.matmul(a[:2, :2], b[:2, :2])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        c = mitchell.matmul(a, b)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 - c.nbytes)
    """
    assert int(run_python(code).stdout) < 16 << 20
