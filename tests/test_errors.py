# SPDX-License-Identifier: BSD-3-Clause
"""Each error of the functions of rope: it says which argument is wrong, and nothing is written."""

import numpy as np
import pytest

from fastops import rope
from support import assert_nothing_leaks

F32 = np.float32
X = np.arange(80, dtype=F32).reshape(2, 5, 8)
TABLE = np.linspace(0, 1, 20, dtype=F32).reshape(5, 4)
MEMORY = np.zeros(400, F32)  # for arguments that overlap


def at(begin, shape=(2, 5, 8)):
    """A view of MEMORY from element begin on."""
    return MEMORY[begin:][: int(np.prod(shape))].reshape(shape)


def swapped(array):
    return array.astype(array.dtype.newbyteorder())


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


# ---- errors of rotate -----------------------------------------------------------------------------------------------

# What is changed in a call that works, the error, and what its message must say.
ROTATE_ERRORS = {
    "x_list": ({"x": [1.0]}, TypeError, "x must be a numpy.ndarray, got list"),
    "cos_list": ({"cos": [1.0]}, TypeError, "cos must be a numpy.ndarray, got list"),
    "sin_none": ({"sin": None}, TypeError, "sin must be a numpy.ndarray, got NoneType"),
    "out_list": ({"out": [1.0]}, TypeError, "out must be a numpy.ndarray, got list"),
    "x_swapped": ({"x": swapped(X)}, TypeError, "x is byte-swapped.*native"),
    "cos_swapped": ({"cos": swapped(TABLE)}, TypeError, "cos is byte-swapped"),
    "sin_swapped": ({"sin": swapped(TABLE)}, TypeError, "sin is byte-swapped"),
    "out_swapped": ({"out": swapped(X)}, TypeError, "out is byte-swapped"),
    "x_integers": (
        {"x": X.astype(int)},
        TypeError,
        "x has dtype int64; supported: float32, float64, float16, bfloat16",
    ),
    "x_object": ({"x": X.astype(object)}, TypeError, "x has dtype object; supported"),
    "x_complex": ({"x": X.astype(complex)}, TypeError, "x has dtype complex128; supported"),
    "x_strings": ({"x": X.astype(str)}, TypeError, "x has dtype <U.*; supported"),
    "cos_wider": ({"cos": TABLE.astype(float)}, TypeError, "cos has dtype float64; float32 is needed"),
    "sin_wider": ({"sin": TABLE.astype(float)}, TypeError, "sin has dtype float64; float32 is needed"),
    "cos_narrower": (
        {"x": X.astype(float), "out": X.astype(float)},
        TypeError,
        "cos has dtype float32; float64 is needed to rotate float64",
    ),
    "cos_16_bit": ({"cos": TABLE.astype(np.float16)}, TypeError, "cos has dtype float16; float32 is needed"),
    "cos_0d": (
        {"cos": TABLE[0, 0, ...], "sin": TABLE[0, 0, ...]},
        ValueError,
        r"cos has shape \(\); at least one axis",
    ),
    "sin_shorter": ({"sin": TABLE[:, :3]}, ValueError, r"sin has shape \(5, 3\); \(5, 4\) is needed"),
    "full_width_odd": (
        {"cos": TABLE[:, :3], "sin": TABLE[:, :3], "full_width": True},
        ValueError,
        r"cos has shape \(5, 3\).*even",
    ),
    "layout": ({"layout": "pairs"}, ValueError, "layout must be one of 'half', 'interleaved', got 'pairs'"),
    "layout_none": ({"layout": None}, ValueError, "layout must be one of 'half', 'interleaved', got None"),
    "start_float": ({"start": 0.0}, TypeError, "start must be an integer, got float 0.0"),
    "start_string": ({"start": "0"}, TypeError, "start must be an integer, got str '0'"),
    "start_negative": ({"start": -1}, ValueError, "start must be at least 0, got -1"),
    "start_beyond": ({"start": 1}, ValueError, r"x has shape \(2, 5, 8\).*9"),
    "start_far_beyond": ({"start": 2**63 - 1}, ValueError, "start|last axis"),
    "start_beyond_64_bits": ({"start": 2**64}, ValueError, "start"),
    "x_lanes": ({"x": X[..., :7], "out": X[..., :7].copy()}, ValueError, r"x has shape \(2, 5, 7\).*8"),
    "x_axes": ({"x": X[0, 0], "out": X[0, 0].copy()}, ValueError, r"x has shape \(8,\); at least 2 axes"),
    "x_0d": ({"x": X[0, 0, 0, ...], "out": X[0, 0, 0, ...].copy()}, ValueError, r"x has shape \(\); at least 2 axes"),
    "cos_rows": ({"cos": TABLE[:4], "sin": TABLE[:4]}, ValueError, r"cos has shape \(4, 4\).*broadcast.*\(2, 5\)"),
    "out_dtype": ({"out": X.astype(float)}, TypeError, "out has dtype float64; float32 is needed, as x has"),
    "out_shape": ({"out": X[:1].copy()}, ValueError, r"out has shape \(1, 5, 8\); \(2, 5, 8\) is needed, as x has"),
    "out_read_only": ({"out": read_only(X)}, ValueError, "out is read-only"),
    "out_overlaps_x": ({"x": at(0), "out": at(1)}, ValueError, "out overlaps x in memory"),
    "out_overlaps_x_reversed": ({"x": at(0), "out": at(0)[::-1]}, ValueError, "out overlaps x in memory"),
    "out_overlaps_cos": ({"cos": at(10, (5, 4)), "out": at(0)}, ValueError, "out overlaps cos in memory"),
    "out_overlaps_sin": ({"sin": at(79, (5, 4)), "out": at(0)}, ValueError, "out overlaps sin in memory"),
}


def check_error(function, arguments, names, changes, error, message):
    """The call fails as it should, and what the arguments hold is as before."""
    arguments = {**arguments, **changes}
    positional = [arguments.pop(name) for name in names]
    before = [value.copy() for value in (*positional, MEMORY) if isinstance(value, np.ndarray)]
    outs = arguments["out"] if isinstance(arguments["out"], tuple) else (arguments["out"],)
    held = [np.array(out, copy=True) for out in outs]
    with pytest.raises(error, match=message):
        function(*positional, **arguments)
    after = [value for value in (*positional, MEMORY) if isinstance(value, np.ndarray)]
    assert all(np.array_equal(a, b) for a, b in zip(after, before, strict=True))
    assert all(np.array_equal(np.asarray(out), h) for out, h in zip(outs, held, strict=True))


@pytest.mark.parametrize("case", ROTATE_ERRORS)
def test_errors_of_rotate(case):
    arguments = {"x": X.copy(), "cos": TABLE, "sin": TABLE, "out": np.full_like(X, 7)}
    check_error(rope.rotate, arguments, ["x", "cos", "sin"], *ROTATE_ERRORS[case])


def test_output_that_is_one_place_many_times_is_refused():
    out = np.lib.stride_tricks.as_strided(np.zeros(8, F32), (2, 5, 8), (0, 0, 4))
    with pytest.raises(ValueError, match="out is broadcast along axis 0"):
        rope.rotate(X, TABLE, TABLE, out=out)
    assert not out.any()


K = X[:, :, :8]
ROTATE_QK_ERRORS = {
    "q_list": ({"q": [1.0]}, TypeError, "q must be a numpy.ndarray, got list"),
    "k_list": ({"k": [1.0]}, TypeError, "k must be a numpy.ndarray, got list"),
    "k_dtype": ({"k": X.astype(int)}, TypeError, "k has dtype int64; supported"),
    "k_wider": (
        {"k": X.astype(float), "out": (X.copy(), X.astype(float))},
        TypeError,
        "cos has dtype float32; float64",
    ),
    "k_lanes": ({"k": X[..., :7], "out": (X.copy(), X[..., :7].copy())}, ValueError, r"k has shape \(2, 5, 7\)"),
    "cos_rows": (
        {"k": X[:, :4], "out": (X.copy(), X[:, :4].copy())},
        ValueError,
        r"cos has shape \(5, 4\).*\(2, 4\), those of k|those of k, \(2, 4\)",
    ),
    "out_array": ({"out": X.copy()}, TypeError, "out must be a tuple of two arrays, got ndarray"),
    "out_short": ({"out": (X.copy(),)}, TypeError, "out must be a tuple of two arrays, got tuple"),
    "out_list": ({"out": (X.copy(), [1.0])}, TypeError, r"out\[1\] must be a numpy.ndarray, got list"),
    "out_read_only": ({"out": (X.copy(), read_only(X))}, ValueError, r"out\[1\] is read-only"),
    "out_shape": ({"out": (X[:1].copy(), X.copy())}, ValueError, r"out\[0\] has shape \(1, 5, 8\).*as q has"),
    "outs_overlap": ({"out": (at(0), at(79))}, ValueError, r"out\[0\] overlaps out\[1\]"),
    "outs_same": ({"out": (at(0), at(0))}, ValueError, r"out\[0\].*out\[1\]"),
    "out_is_the_other": ({"k": at(80), "out": (at(80), X.copy())}, ValueError, r"out\[0\] overlaps k"),
    "out_is_the_other_too": ({"q": at(80), "out": (X.copy(), at(80))}, ValueError, r"out\[1\] overlaps q"),
    "in_place_overlapping": ({"q": at(0), "k": at(40), "out": (at(0), at(40))}, ValueError, "overlaps"),
}


@pytest.mark.parametrize("case", ROTATE_QK_ERRORS)
def test_errors_of_rotate_qk(case):
    arguments = {
        "q": X.copy(),
        "k": X.copy(),
        "cos": TABLE,
        "sin": TABLE,
        "out": (np.full_like(X, 7), np.full_like(X, 7)),
    }
    check_error(rope.rotate_qk, arguments, ["q", "k", "cos", "sin"], *ROTATE_QK_ERRORS[case])


# ---- errors of the others -------------------------------------------------------------------------------------------

FREQUENCIES = rope.frequencies(8)
ROTARY = rope.Rotary(8)
HEADS = np.ones((2, 5, 3, 8), F32)

OTHER_ERRORS = {
    "rotary_dim_float": (lambda: rope.frequencies(8.0), TypeError, "rotary_dim must be an integer, got float"),
    "rotary_dim_odd": (lambda: rope.frequencies(7), ValueError, "rotary_dim must be even and at least 0, got 7"),
    "rotary_dim_negative": (lambda: rope.frequencies(-2), ValueError, "rotary_dim must be even and at least 0, got -2"),
    "base_zero": (lambda: rope.frequencies(8, base=0), ValueError, "base must be positive and finite, got 0"),
    "base_nan": (lambda: rope.frequencies(8, base=np.nan), ValueError, "base must be positive and finite, got nan"),
    "base_infinite": (
        lambda: rope.frequencies(8, base=np.inf),
        ValueError,
        "base must be positive and finite, got inf",
    ),
    "base_string": (lambda: rope.frequencies(8, base="big"), TypeError, "base"),
    "precision": (
        lambda: rope.frequencies(8, precision="half"),
        ValueError,
        "precision must be one of 'float64', 'float32', got 'half'",
    ),
    "positions_bool": (lambda: rope.table([True], FREQUENCIES), TypeError, "positions has dtype bool; integers or"),
    "positions_complex": (lambda: rope.table([1j], FREQUENCIES), TypeError, "positions has dtype complex128"),
    "positions_object": (lambda: rope.table([None], FREQUENCIES), TypeError, "positions has dtype object"),
    "positions_nan": (lambda: rope.table([1, np.nan], FREQUENCIES), ValueError, "positions .*finite.*2\\*\\*31"),
    "positions_infinite": (lambda: rope.table([np.inf], FREQUENCIES), ValueError, "positions .*finite"),
    "positions_infinite_at_0": (lambda: rope.table([-np.inf], rope.Frequencies(np.zeros(1))), ValueError, "positions"),
    "positions_overflow": (lambda: rope.table([1e300], rope.Frequencies(np.full(1, 1e300))), ValueError, "positions"),
    "positions_far": (
        lambda: rope.table([2**31], FREQUENCIES),
        ValueError,
        "positions .*2147483648.0.*below 2\\*\\*31",
    ),
    "positions_inexact": (
        lambda: rope.table([2**53], rope.Frequencies(np.full(1, 1e-9))),
        ValueError,
        "integers must be below 2\\*\\*53",
    ),
    "frequencies_array": (lambda: rope.table([1], FREQUENCIES.inverse), TypeError, "frequencies"),
    "inverse_2d": (
        lambda: rope.table([1], rope.Frequencies(np.ones((2, 2)))),
        ValueError,
        r"positions has shape \(1,\); 2 coordinates are needed.*shape \(2, 2\)",
    ),
    "inverse_nan": (lambda: rope.table([1], rope.Frequencies(np.full(1, np.nan))), ValueError, "finite"),
    "inverse_integers": (
        lambda: rope.table([1], rope.Frequencies(np.ones(2, int))),
        (TypeError, ValueError),
        "inverse has .*int64.*float64 or float32",
    ),
    "table_dtype": (
        lambda: rope.table([1], FREQUENCIES, dtype=np.float16),
        TypeError,
        "dtype must be float32 or float64",
    ),
    "head_dim_float": (lambda: rope.Rotary(8.0), TypeError, "head_dim must be an integer, got float"),
    "head_dim_odd": (lambda: rope.Rotary(7), ValueError, "must be even"),
    "rotary_dim_string": (lambda: rope.Rotary(8, rotary_dim="4"), TypeError, "rotary_dim must be an integer, got str"),
    "rotary_dim_large": (lambda: rope.Rotary(8, rotary_dim=10), ValueError, "rotary_dim must be at most head_dim = 8"),
    "rotary_base": (lambda: rope.Rotary(8, base=-1), ValueError, "base must be positive"),
    "rotary_layout": (
        lambda: rope.Rotary(8, layout="x"),
        ValueError,
        "layout must be one of 'half', 'interleaved', got 'x'",
    ),
    "rotary_q_list": (lambda: ROTARY([1.0]), TypeError, "q must be a numpy.ndarray, got list"),
    "rotary_k_list": (lambda: ROTARY(HEADS, [1.0]), TypeError, "k must be a numpy.ndarray, got list"),
    "rotary_q_lanes": (lambda: ROTARY(HEADS[..., :7]), ValueError, r"q has shape \(2, 5, 3, 7\).*the last 8 long"),
    "rotary_q_axes": (lambda: ROTARY(HEADS[0, 0]), ValueError, r"q has shape \(3, 8\); at least three axes"),
    "rotary_k_lanes": (lambda: ROTARY(HEADS, HEADS[..., :7]), ValueError, r"k has shape \(2, 5, 3, 7\)"),
    "rotary_q_integers": (lambda: ROTARY(HEADS.astype(int)), TypeError, "q has dtype int64|x has dtype int64"),
    "rotary_heads_axis": (lambda: ROTARY(HEADS, heads_axis=2), ValueError, "heads_axis must be -2 or -3, got 2"),
    "rotary_offset": (lambda: ROTARY(HEADS, offset=1.5), TypeError, "offset has dtype float64; integers are needed"),
    "rotary_offset_rows": (lambda: ROTARY(HEADS, offset=[1, 2, 3]), ValueError, "offset|cos"),
    "rotary_positions": (
        lambda: ROTARY(HEADS, positions=[1, 2]),
        ValueError,
        r"positions has shape \(2,\); its last axis must have 5 tokens",
    ),
    "rotary_positions_0d": (lambda: ROTARY(HEADS, positions=3), ValueError, r"positions has shape \(\)"),
    "rotary_out": (lambda: ROTARY(HEADS, HEADS, out=HEADS), TypeError, "out must be a tuple of two"),
    "shift_list": (lambda: ROTARY.shift([1.0], 3), TypeError, "must be a numpy.ndarray, got list"),
    "shift_delta": (lambda: ROTARY.shift(HEADS, 1.5), TypeError, "dtype float64; integers are needed"),
}


@pytest.mark.parametrize("case", OTHER_ERRORS)
def test_errors_of(case):
    call, error, message = OTHER_ERRORS[case]
    with pytest.raises(error, match=message):
        call()


def failing_calls():
    for changes, *_ in ROTATE_ERRORS.values():
        yield lambda a={"x": X, "cos": TABLE, "sin": TABLE, **changes}: rope.rotate(**a)
    for changes, *_ in ROTATE_QK_ERRORS.values():
        yield lambda a={"q": X, "k": X, "cos": TABLE, "sin": TABLE, **changes}: rope.rotate_qk(**a)
    for call, *_ in OTHER_ERRORS.values():
        yield call


def test_10_000_errors_leak_nothing():
    watched = [X, TABLE, MEMORY, FREQUENCIES, FREQUENCIES.inverse, ROTARY, HEADS]
    assert_nothing_leaks(list(failing_calls()), watched)
