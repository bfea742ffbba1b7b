# SPDX-License-Identifier: BSD-3-Clause
"""mitchell.multiply and mitchell.divide as NumPy ufuncs: layouts, out=, overlap, reductions, types."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastops import _fastops_core as core
from fastops import mitchell, reference
from fastops._case import DTYPES, bits
from fastops._draws import near_one

SMALL, LARGE = 67, 1 << 19  # the second is enough for two threads, whatever the type
SHAPE = (5, 67)

both = pytest.mark.parametrize("operation", [mitchell.multiply, mitchell.divide], ids=["multiply", "divide"])
every_type = pytest.mark.parametrize("name", DTYPES)


def same(got, want):
    return got.dtype == want.dtype and got.shape == want.shape and np.array_equal(bits(got), bits(want))


def operands(rng, name, shape=SHAPE):
    return [near_one(rng, DTYPES[name], int(np.prod(shape))).reshape(shape) for _ in range(2)]


# ---- layouts --------------------------------------------------------------------------------------------------------


def unaligned(x):
    buffer = np.zeros(x.nbytes + 1, np.uint8)
    view = buffer[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def spread(x, step):
    """The elements of x, every step-th of a larger array."""
    larger = np.zeros((*x.shape[:-1], x.shape[-1] * abs(step)), x.dtype)
    view = larger[..., ::step]
    view[...] = x
    return view


LAYOUTS = {
    "contiguous": np.ascontiguousarray,
    "fortran": np.asfortranarray,
    "every_second": lambda x: spread(x, 2),
    "reversed": lambda x: spread(x, -1),
    "every_third_reversed": lambda x: spread(x, -3),
    "transposed_twice": lambda x: np.ascontiguousarray(x.T).T,
    "unaligned": unaligned,
    "byte_swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "read_only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "list": lambda x: x.tolist(),
}
every_layout = pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "list"])


@pytest.mark.usefixtures("isa")
@both
@every_type
@every_layout
def test_layout_of_inputs_does_not_matter(operation, name, layout, rng):
    x, y = operands(rng, name)
    want = operation(x, y)
    arranged = LAYOUTS[layout](x)
    assert same(operation(arranged, y), want)
    assert same(operation(y, arranged), operation(y, x))
    assert same(operation(arranged, arranged), operation(x, x))
    assert same(np.asarray(arranged).astype(x.dtype), x)


@pytest.mark.usefixtures("isa")
@both
@every_type
@every_layout
def test_layout_of_out_does_not_matter(operation, name, layout, rng):
    x, y = operands(rng, name)
    want = operation(x, y)
    out = LAYOUTS[layout](np.zeros_like(want))
    if layout == "read_only":
        with pytest.raises(ValueError, match="read-only"):
            operation(x, y, out=out)
        assert not out.any()
        return
    assert operation(x, y, out=out) is out
    assert same(out.astype(want.dtype), want)


@both
@every_type
def test_broadcasting_and_zero_strides(operation, name, rng):
    x, y = operands(rng, name)
    for left, right in [(x, y[0]), (x[:, :1], y), (x[:, :1], y[0]), (x[0, 0], y), (x, y[0, 0]), (x[None], y[:, None])]:
        want_x, want_y = (np.ascontiguousarray(v) for v in np.broadcast_arrays(left, right))
        want = operation(want_x, want_y)
        assert same(operation(left, right), want)
        assert same(operation(np.broadcast_to(left, want.shape), right), want)
    with pytest.raises(ValueError, match="could not be broadcast"):
        operation(x, y[:, :3])


@both
@every_type
def test_scalars_0d_and_empty(operation, name, rng):
    x, y = operands(rng, name)
    want = operation(x, y)
    for left, right in [(x[1, 2], y[1, 2]), (x[1, 2, ...], y[1, 2]), (x[1, 2, ...], y[1, 2, ...])]:
        got = operation(left, right)
        assert np.ndim(got) == 0
        assert same(np.asarray(got), want[1, 2, ...])
    for empty in (x[:0], x[:, :0], x[:0, :0]):
        assert operation(empty, empty).shape == empty.shape
        assert operation(empty, empty).dtype == want.dtype


def test_python_numbers_and_lists():
    assert mitchell.multiply([1.5, 2], 1.5).tolist() == [2, 3]
    assert mitchell.multiply(np.float32([1.5, 2]), 1.5).dtype == np.float32
    assert mitchell.multiply(3, 3) == 8
    assert mitchell.divide([[7], [8]], [2, 4]).tolist() == [[3, 1], [4, 2]]


# ---- out= -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("isa", "threads")
@both
@pytest.mark.parametrize("name", ["f32", "f16", "i8", "i64"])
@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("shift", [-67, -1, 0, 1, 3, 64])
def test_overlapping_out_is_correct(operation, name, size, shift, rng):
    dtype = DTYPES[name]
    other = near_one(rng, dtype, size)
    wide = operation(other[:0], other[:0]).dtype
    buffer = near_one(rng, dtype, 4 * size + 200)

    def check(left, right, out):
        """left and right index elements of the buffer, out those of the buffer of results."""
        memory = buffer.copy()
        x, y = (memory[index] if isinstance(index, slice) else index for index in (left, right))
        want = operation(x.copy(), y.copy())
        result = memory[: memory.size // 2 * 2].view(wide)[out]
        assert operation(x, y, out=result) is result
        assert same(result, want)

    ahead, begin = slice(100 + shift, 100 + shift + size), slice(100, 100 + size)
    check(begin, other, ahead)
    check(other, begin, ahead)
    check(begin, begin, ahead)
    check(begin, slice(101, 101 + size), ahead)
    check(begin, other, slice(ahead.stop, ahead.start, -1))
    check(slice(begin.stop, begin.start, -1), other, ahead)
    check(slice(100, 100 + 2 * size, 2), other, ahead)


@both
@pytest.mark.parametrize("name", ["f32", "f64", "i64"])
def test_out_over_a_broadcast_input(operation, name, rng):
    x, y = operands(rng, name, (300,))
    want = operation(x, y[7])
    assert same(operation(x, y[7:8], out=y), want)
    square = np.ascontiguousarray(np.broadcast_to(x, (300, 300)))
    want = operation(square, square.T)
    assert same(operation(square, square.T, out=square), want)


@both
@every_type
def test_where_leaves_other_elements(operation, name, rng):
    x, y = operands(rng, name)
    chosen = rng.random(SHAPE) < 0.5
    want = operation(x, y)
    out = np.full_like(want, 7)
    operation(x, y, out=out, where=chosen)
    assert same(out, np.where(chosen, want, np.full_like(want, 7)))


# ---- methods --------------------------------------------------------------------------------------------------------


def sequential(operation, values, dtype):
    """Left to right, one element at a time."""
    return functools.reduce(operation, [value[None] for value in values.astype(dtype)])[0]


REDUCED = ["f64", "f32", "f16", "bf16", "e4m3", "e5m2", "i64", "u64"]  # whose result has the operands' type
every_reduced = pytest.mark.parametrize("name", [name for name in REDUCED if name in DTYPES])


@pytest.mark.usefixtures("isa", "threads")
@both
@every_reduced
def test_reduce_goes_from_left_to_right(operation, name, rng):
    dtype = DTYPES[name]
    x = near_one(rng, dtype, 12 * 41).reshape(12, 41)
    want = np.array([sequential(operation, column, dtype) for column in x.T], dtype)
    assert same(operation.reduce(x), want)
    assert same(operation.reduce(np.asfortranarray(x)), want)
    assert same(operation.reduce(np.ascontiguousarray(x.T), axis=1), want)
    assert same(operation.reduce(np.ascontiguousarray(x.T)[::-1], axis=-1, keepdims=True), want[::-1, None])
    assert same(np.asarray(operation.reduce(x[:, 3])), want[3, ...])


@pytest.mark.usefixtures("isa", "two_threads")
@both
@pytest.mark.parametrize("name", ["f32", "i64"])
def test_large_reductions(operation, name, rng):
    x = near_one(rng, DTYPES[name], 3 * LARGE).reshape(3, LARGE)
    want = operation(operation(x[0], x[1]), x[2])
    assert same(operation.reduce(x), want)
    assert same(operation.reduce(np.ascontiguousarray(x.T), axis=1), want)
    assert same(operation.accumulate(x)[2], want)
    assert np.asarray(operation.reduce(x[0])) == operation.accumulate(x[0])[-1]


@every_reduced
def test_reduction_of_nothing_is_1_for_products_only(name):
    nothing = np.empty((0, 3), DTYPES[name])
    assert mitchell.multiply.reduce(nothing).tolist() == [1, 1, 1]
    assert mitchell.multiply.reduce(nothing[:, 0]) == 1
    assert mitchell.multiply.identity == 1
    with pytest.raises(ValueError, match="no identity"):
        mitchell.divide.reduce(nothing)


@pytest.mark.parametrize(("name", "total"), [("i8", np.int64), ("u16", np.uint64), ("i32", np.int64)])
def test_products_of_short_integers_are_reduced_in_the_type_asked_for(name, total):
    x = np.array([100, 100, 3], DTYPES[name])
    got = mitchell.multiply.reduce(x, dtype=total)
    assert got.dtype == total
    assert got == mitchell.multiply(mitchell.multiply(total(100), total(100)), total(3))


@both
@every_reduced
def test_accumulate_reduceat_outer_at(operation, name, rng):
    x, y = operands(rng, name, (31,))
    partial = [np.asarray(sequential(operation, x[: i + 1], x.dtype)) for i in range(31)]
    assert same(operation.accumulate(x), np.stack(partial))
    got = operation.reduceat(x, [0, 4, 9])
    want = [sequential(operation, x[part], x.dtype) for part in (slice(0, 4), slice(4, 9), slice(9, 31))]
    assert same(got, np.array(want, x.dtype))
    assert same(operation.outer(x, y), operation(x[:, None], y[None, :]))
    at = x.copy()
    operation.at(at, [3, 5, 3], y[:3])
    want = x.copy()
    want[5] = operation(x[5], y[1])
    want[3] = operation(operation(x[3], y[0]), y[2])
    assert same(at, want)


# ---- types ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [name for name in DTYPES if name not in ("i64", "u64")])
@pytest.mark.parametrize("right", DTYPES)
def test_mixed_types_meet_where_numpys_do(left, right):
    check_types(np.ones(3, DTYPES[left]), np.ones(3, DTYPES[right]))


@every_type
@pytest.mark.parametrize("number", [2, 2.0, True])
def test_types_with_python_numbers_are_numpys(name, number):
    check_types(np.ones(3, DTYPES[name]), number)


def check_types(x, y):
    met = np.multiply(x, y).dtype
    assert mitchell.divide(x, y).dtype == met
    assert mitchell.multiply(x, y).dtype == (f"{met.kind}{min(8, 2 * met.itemsize)}" if met.kind in "iu" else met)


@both
@every_type
def test_types_are_kept(operation, name):
    x = np.ones(3, DTYPES[name])
    wide = DTYPES[name].kind in "iu" and operation is mitchell.multiply
    assert operation(x, x).dtype == (f"{x.dtype.kind}{min(8, 2 * x.itemsize)}" if wide else x.dtype)
    assert type(operation(x[0], x[0])) is operation(x, x).dtype.type


@both
def test_dtype_and_casting(operation):
    x, y = np.array([7, 9], np.int8), np.array([2, 4], np.int8)
    as_float = operation(x, y, dtype=np.float32)
    assert same(as_float, operation(x.astype(np.float32), y.astype(np.float32)))
    assert operation(x, y, dtype=np.int32).dtype == np.int32
    for options in ({}, {"casting": "no"}):
        with pytest.raises(TypeError, match=r"[Cc]ast"):
            operation(np.ones(2), np.ones(2), out=np.zeros(2, np.int32), **options)
    out = np.zeros(2, np.int32)
    operation(np.full(2, 6.0), np.full(2, 2.0), out=out, casting="unsafe")
    assert out.tolist() == ([12, 12] if operation is mitchell.multiply else [3, 3])


@both
@pytest.mark.parametrize(
    "x",
    [
        np.ones(2, complex),
        np.ones(2, np.complex64),
        np.ones(2, np.longdouble),
        np.ones(2, object),
        np.array(["a", "b"]),
        np.ones(2, "m8[s]"),
        np.ones(2, "M8[s]"),
        np.zeros(2, [("a", "f4")]),
    ],
    ids=lambda x: x.dtype.name,
)
def test_other_types_are_refused(operation, x):
    with pytest.raises(TypeError, match=r"not supported for the input types|did not contain a loop"):
        operation(x, x)


def test_truth_values_count_as_int8():
    truth = np.array([True, False])
    assert same(mitchell.multiply(truth, truth), np.array([1, 0], np.int16))


# ---- any shapes, any bits -------------------------------------------------------------------------------------------


@both
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_any_broadcastable_shapes_and_values(operation, data):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=9, max_dims=4)).input_shapes
    dtype = np.dtype(data.draw(st.sampled_from(["f2", "f4", "f8", "i1", "u2", "i4", "u8", "i8"])))
    x, y = (data.draw(hnp.arrays(dtype, shape)) for shape in shapes)
    with np.errstate(divide="ignore"):
        want = (reference.mitchell.multiply if operation is mitchell.multiply else reference.mitchell.divide)(x, y)
        for isa in core._isa_names():
            before = core._isa()
            core._use_isa(isa)
            got = operation(x, y)
            core._use_isa(before)
            assert same(np.asarray(got), np.asarray(want))
