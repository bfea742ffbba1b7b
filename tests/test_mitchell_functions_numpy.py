# SPDX-License-Identifier: BSD-3-Clause
"""The ufuncs of mitchell beside multiply and divide, as NumPy ufuncs: layouts, out=, overlap, methods, types."""

import numpy as np
import pytest

from fastops import mitchell, reference
from fastops._case import DTYPES, bits
from fastops._draws import any_bits, near_one

SHAPE = (5, 67)
UNARY = ["square", "sqrt", "reciprocal", "rsqrt", "log2", "exp2"]
BINARY = ["power", "multiply_lmul", "multiply_mbm", "multiply_realm"]
TERNARY = ["multiply_offset", "divide_offset"]
FLOATS = [name for name in ("f64", "f32", "f16", "bf16") if name in DTYPES]

every = pytest.mark.parametrize("operation", [getattr(mitchell, n) for n in UNARY + BINARY + TERNARY], ids=str)
every_binary = pytest.mark.parametrize("operation", [getattr(mitchell, n) for n in BINARY], ids=str)
every_unary = pytest.mark.parametrize("operation", [getattr(mitchell, n) for n in UNARY], ids=str)
every_float = pytest.mark.parametrize("name", FLOATS)


def same(got, want):
    return got.dtype == want.dtype and got.shape == want.shape and np.array_equal(bits(got), bits(want))


def operands(rng, operation, name, shape=SHAPE):
    return [near_one(rng, DTYPES[name], int(np.prod(shape))).reshape(shape) for _ in range(operation.nin)]


def unaligned(x):
    view = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def spread(x, step):
    view = np.zeros((*x.shape[:-1], x.shape[-1] * abs(step)), x.dtype)[..., ::step]
    view[...] = x
    return view


LAYOUTS = {
    "fortran": np.asfortranarray,
    "every_second": lambda x: spread(x, 2),
    "every_third_reversed": lambda x: spread(x, -3),
    "unaligned": unaligned,
    "byte_swapped": lambda x: x.astype(x.dtype.newbyteorder()),
}


@pytest.mark.usefixtures("isa")
@every
@every_float
def test_layouts(operation, name, rng):
    args = operands(rng, operation, name)
    want = operation(*args)
    for arrange in LAYOUTS.values():
        assert same(operation(*map(arrange, args)), want)
        assert same(operation(arrange(args[0]), *args[1:]), want)
        out = arrange(np.zeros_like(want))
        assert operation(*args, out=out) is out
        assert same(out.astype(want.dtype), want)


@pytest.mark.usefixtures("isa")
@every
@every_float
def test_tails(operation, name, rng):
    args = [any_bits(rng, DTYPES[name], 67) for _ in range(operation.nin)]
    whole = operation(*args)
    for size in range(68):
        assert same(operation(*(arg[:size] for arg in args)), whole[:size])
        assert same(operation(*(arg[67 - size :] for arg in args)), whole[67 - size :])


@every
@every_float
def test_scalars_0d_empty_and_broadcast(operation, name, rng):
    args = operands(rng, operation, name)
    want = operation(*args)
    assert type(operation(*(arg[1, 2] for arg in args))) is DTYPES[name].type
    assert same(np.asarray(operation(*(arg[1, 2, ...] for arg in args))), want[1, 2, ...])
    assert same(operation(*(arg[:0] for arg in args)), want[:0])
    assert operation(args[0][:, :0], *(arg[0, 0] for arg in args[1:])).shape == (5, 0)
    for k in range(len(args) if len(args) > 1 else 0):  # one operand is one number, or one row
        for part in (args[k][2, 3], args[k][2], args[k][:, :1]):
            mixed = [part if i == k else arg for i, arg in enumerate(args)]
            full = [np.ascontiguousarray(arg) for arg in np.broadcast_arrays(*mixed)]
            assert same(operation(*mixed), operation(*full))


@pytest.mark.usefixtures("isa", "threads")
@every
@pytest.mark.parametrize("name", ["f32", "f16"])
@pytest.mark.parametrize("size", [67, 1 << 19])
def test_overlapping_out(operation, name, size, rng):
    args = operands(rng, operation, name, (size,))
    want = operation(*args)
    for k in range(len(args)):
        for shift in (-67, -1, 0, 1, 64):
            memory = np.zeros(size + 200, DTYPES[name])
            memory[100 : 100 + size] = args[k]
            mine = memory[100 : 100 + size]
            out = memory[100 + shift : 100 + shift + size]
            operation(*(mine if i == k else arg for i, arg in enumerate(args)), out=out)
            assert same(out, want)
    backwards = args[0].copy()
    operation(backwards, *args[1:], out=backwards[::-1])
    assert same(backwards[::-1], want)


@pytest.mark.parametrize("name", ["i8", "u16", "i32", "i64"])
@pytest.mark.parametrize("shift", [-3, -1, 0, 1, 5])
@pytest.mark.parametrize("operation", [mitchell.square, mitchell.multiply, mitchell.multiply_ilm], ids=str)
def test_wider_results_over_their_operand(operation, name, shift, isa, rng):
    dtype, size = DTYPES[name], 300
    args = [near_one(rng, dtype, size) for _ in range(min(2, operation.nin))]
    args += [dtype.type(1)] * (operation.nin - len(args))
    want = operation(*args)
    memory = np.zeros(4 * size + 20, dtype)
    start = 20 + shift + (20 + shift) % 2
    out = memory[start : start + 2 * size].view(want.dtype)[:size]
    mine = memory[20 : 20 + size]
    mine[:] = args[0]
    operation(mine, *args[1:], out=out)
    assert same(out, want)


@every
def test_where(operation, rng):
    args = operands(rng, operation, "f32")
    chosen = rng.random(SHAPE) < 0.5
    out = np.full(SHAPE, 7, np.float32)
    operation(*args, out=out, where=chosen)
    assert same(out, np.where(chosen, operation(*args), np.float32(7)))


@every_binary
def test_methods_of_two_operands(operation, rng):
    x, y = operands(rng, operation, "f32", (31,))
    assert same(operation.outer(x, y), operation(x[:, None], y[None, :]))
    partial = [x[:1]]
    for value in x[1:]:
        partial.append(operation(partial[-1], value[None]))
    assert same(operation.accumulate(x), np.concatenate(partial))
    assert same(np.asarray(operation.reduce(x)), partial[-1][0, ...])
    at = x.copy()
    operation.at(at, [3, 5, 3], y[:3])
    assert at[5] == operation(x[5], y[1]) or np.isnan(at[5])
    np.testing.assert_array_equal(at[3], operation(operation(x[3], y[0]), y[2]))
    with pytest.raises(ValueError, match="no identity"):
        operation.reduce(x[:0])


@every_unary
def test_at_of_one_operand(operation, rng):
    (x,) = operands(rng, operation, "f32", (31,))
    at = x.copy()
    operation.at(at, [3, 5])
    want = x.copy()
    want[[3, 5]] = operation(x[[3, 5]])
    assert same(at, want)


# ---- types ----------------------------------------------------------------------------------------------------------


@every
@every_float
def test_types_are_kept(operation, name):
    x = np.ones(3, DTYPES[name])
    assert operation(*[x] * operation.nin).dtype == x.dtype
    assert type(operation(*[x[0]] * operation.nin)) is x.dtype.type
    if operation.nin > 1:  # of bfloat16 and 1.0 NumPy makes float32
        assert operation(*[x] * (operation.nin - 1), 1.0).dtype == np.multiply(x, 1.0).dtype


@pytest.mark.parametrize("operation", [getattr(mitchell, n) for n in UNARY[1:]], ids=str)
@pytest.mark.parametrize("name", ["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"])
def test_integers_become_the_floats_that_numpy_takes(operation, name):
    x = np.array([1, 2, 100], DTYPES[name])
    got = operation(x)
    assert got.dtype == np.sqrt(x).dtype
    assert same(got, operation(x.astype(got.dtype)))


@every
@pytest.mark.parametrize("dtype", [complex, np.longdouble, object, "U1", "m8[s]"])
def test_other_types_are_refused(operation, dtype):
    x = np.zeros(2, dtype)
    with pytest.raises(TypeError, match=r"not supported for the input types|did not contain a loop"):
        operation(*[x] * operation.nin)


@every
def test_names(operation):
    assert isinstance(operation, np.ufunc)
    assert operation.__name__.startswith("mitchell_")
    assert getattr(mitchell, operation.__name__.removeprefix("mitchell_")) is operation


@every
@every_float
def test_no_warnings_and_no_trace_in_the_floating_point_state(operation, name, rng):
    args = [any_bits(rng, DTYPES[name], 4000) for _ in range(operation.nin)]
    with np.errstate(all="raise"):
        operation(*args)
        operation(*(arg[:1] for arg in args))
    assert np.float32(1e-40) * np.float32(1) != 0


# ---- references that refuse -----------------------------------------------------------------------------------------


def test_references_refuse_what_they_do_not_know():
    with pytest.raises(TypeError, match="must be one of"):
        reference.mitchell.sqrt(np.ones(2, complex))
    with pytest.raises(TypeError, match="must be floats"):
        reference.mitchell.log2(np.ones(2, np.int8))
    with pytest.raises(TypeError, match="must be integers"):
        reference.mitchell.multiply_ilm(np.ones(2), np.ones(2), 1)
    with pytest.raises(ValueError, match="k must not be negative"):
        reference.mitchell.multiply_ilm(np.ones(2, np.int8), np.ones(2, np.int8), np.int8(-1))
