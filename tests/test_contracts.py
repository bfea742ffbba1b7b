# SPDX-License-Identifier: BSD-3-Clause
"""What all functions promise beside their errors: empty and read-only arrays, views, memory, no leaks."""

import gc
import tracemalloc

import numpy as np
import pytest

from fastops import _fastops_core as core
from fastops import mitchell, rope
from support import assert_nothing_leaks

F32 = np.float32
X = np.arange(80, dtype=F32).reshape(2, 5, 8)
TABLE = np.linspace(0, 1, 20, dtype=F32).reshape(5, 4)
FREQUENCIES = rope.frequencies(8)
ROTARY = rope.Rotary(8)
HEADS = np.ones((2, 5, 3, 8), F32)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


# ---- what is fine ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0,), (0, 8), (3, 0, 8), (0, 0, 8), (3, 8)])
@pytest.mark.parametrize("pairs", [0, 4])
def test_empty_arrays(shape, pairs):
    x = np.ones(shape, F32)
    table = np.zeros(pairs if shape != (0,) else 0, F32)
    assert rope.rotate(x, table, table, out=x) is x
    assert rope.rotate(x, table, table).shape == shape
    assert [y.shape for y in rope.rotate_qk(x, x, table, table)] == [shape] * 2


def test_empty_outputs_overlap_nothing():
    memory = np.zeros(8, F32)
    table = memory[:4]
    assert rope.rotate(memory[:0].reshape(0, 8), table, table, out=memory[4:4].reshape(0, 8)).size == 0


def test_views_that_interleave_do_not_overlap():
    memory = np.arange(160, dtype=F32).reshape(10, 16)
    x, out = memory[:, :8], memory[:, 8:]
    table = np.full(4, 0.5, F32)
    want = rope.rotate(x.copy(), table, table)
    assert rope.rotate(x, table, table, out=out) is out
    assert np.array_equal(out, want)
    evens, odds = memory.reshape(20, 8)[::2], memory.reshape(20, 8)[1::2]
    assert np.array_equal(rope.rotate(evens, table, table, out=odds), rope.rotate(evens, table, table))


def test_read_only_inputs_are_fine():
    x, cos, sin = (read_only(array) for array in (X, TABLE, TABLE))
    assert np.array_equal(rope.rotate(x, cos, sin), rope.rotate(X, TABLE, TABLE))
    assert np.array_equal(rope.rotate_qk(x, x, cos, sin)[1], rope.rotate(X, TABLE, TABLE))
    assert np.array_equal(rope.table(read_only(np.arange(5)), FREQUENCIES), rope.table(range(5), FREQUENCIES))


def test_numpy_integers_and_the_like_are_integers():
    assert np.array_equal(rope.rotate(X, TABLE[:, :2], TABLE[:, :2], start=np.int8(3)),
                          rope.rotate(X, TABLE[:, :2], TABLE[:, :2], start=3))  # fmt: skip
    assert rope.frequencies(np.uint8(8)).inverse.shape == (4,)
    assert rope.Rotary(np.int64(8)).head_dim == 8


@pytest.mark.parametrize("name", ["rotate", "rotate_qk", "table"])
def test_subnormal_numbers_still_exist_afterwards(name):
    tiny = np.full((2, 5, 8), 1e-40, F32)
    one = np.ones(4, F32)
    with np.errstate(all="raise"):
        if name == "table":
            rope.table(range(99), FREQUENCIES)
        else:
            got = rope.rotate(tiny, one, 0 * one) if name == "rotate" else rope.rotate_qk(tiny, tiny, one, 0 * one)[1]
            assert np.array_equal(got, tiny)
    assert np.count_nonzero(tiny * F32(1)) == tiny.size


# ---- memory ---------------------------------------------------------------------------------------------------------


def lanes_apart():
    """An array whose rows go through scratch."""
    return np.arange(160, dtype=F32).reshape(2, 5, 16)[..., ::2]


def fails_for_memory(function, *args, **kwargs):
    """The call fails, and its arrays are as before."""
    before = [array.copy() for array in args]
    with pytest.raises(MemoryError, match="scratch"):
        function(*args, **kwargs)
    assert all(np.array_equal(array, b) for array, b in zip(args, before, strict=True))


def test_no_memory_for_scratch_is_an_error_and_writes_nothing():
    x = lanes_apart()
    core._fail_allocation(0)
    fails_for_memory(rope.rotate, x, TABLE, TABLE, out=x)
    assert np.array_equal(rope.rotate(x, TABLE, TABLE), rope.rotate(x.copy(), TABLE, TABLE))


@pytest.mark.parametrize(
    ("make_q", "make_k", "failing"),
    [(X.copy, lanes_apart, 0), (lanes_apart, X.copy, 0), (lanes_apart, lanes_apart, 0), (lanes_apart, lanes_apart, 1)],
    ids=["k", "q", "first", "second"],
)
def test_no_memory_for_scratch_of_one_leaves_the_other_too(make_q, make_k, failing):
    q, k = make_q(), make_k()
    core._fail_allocation(failing)
    fails_for_memory(rope.rotate_qk, q, k, TABLE, TABLE, out=(q, k))


def test_no_memory_for_the_result_is_a_memory_error():
    huge = np.broadcast_to(np.zeros(8, F32), (1 << 50, 8))
    with pytest.raises(MemoryError):
        rope.rotate(huge, TABLE[0], TABLE[0])
    with pytest.raises(MemoryError):
        rope.table(np.broadcast_to(0, 1 << 40), rope.Frequencies(np.broadcast_to(1.0, 1 << 20)))


def traced_peak(call):
    call()
    gc.collect()
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


LARGE = np.ones((2, 64, 8, 128), F32)  # 512 KB
LARGE_TABLE = np.zeros((64, 1, 32), F32)
IN_PLACE = {
    "rotate": lambda: rope.rotate(LARGE, LARGE_TABLE, LARGE_TABLE, out=LARGE),
    "rotate_strided": lambda: rope.rotate(LARGE[..., ::-1], LARGE_TABLE, LARGE_TABLE, out=LARGE[..., ::-1]),
    "rotate_qk": lambda: rope.rotate_qk(LARGE[0], LARGE[1], LARGE_TABLE, LARGE_TABLE, out=(LARGE[0], LARGE[1])),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_rotation_in_place_allocates_nothing(name):
    assert traced_peak(IN_PLACE[name]) < 4096


@pytest.mark.parametrize("view", [np.s_[...], np.s_[::-1, ::2], np.s_[..., ::3]], ids=["dense", "rows", "lanes"])
@pytest.mark.parametrize("transposed", [False, True], ids=["", "transposed"])
def test_ufuncs_allocate_no_more_than_numpys(view, transposed):
    x, out = LARGE[view], np.empty_like(LARGE)[view]
    x, out = (x.T, out.T) if transposed else (x, out)
    numpys = traced_peak(lambda: np.multiply(x, x, out=out))
    assert traced_peak(lambda: mitchell.multiply(x, x, out=out)) <= numpys + 1024
    assert traced_peak(lambda: mitchell.divide(x, x, out=out)) <= numpys + 1024


def test_10_000_calls_leak_nothing():
    apart, wide = X[..., ::-1], np.ones((1, 4096), F32)[..., ::-1]
    calls = [
        lambda: rope.rotate(X, TABLE, TABLE),
        lambda: rope.rotate(apart, TABLE, TABLE),
        lambda: rope.rotate(wide, wide[:, :2048], wide[:, :2048]),  # with 48 KB of scratch
        lambda: rope.rotate_qk(X, apart, TABLE, TABLE),
        lambda: rope.table(range(5), FREQUENCIES),
        lambda: ROTARY(HEADS, HEADS, offset=3),
        lambda: mitchell.multiply(X, X),
        lambda: mitchell.divide(apart, X),
        lambda: mitchell.matmul(X[0], X[0].T),
    ]
    assert_nothing_leaks(calls, [X, TABLE, FREQUENCIES, FREQUENCIES.inverse, ROTARY, HEADS])
