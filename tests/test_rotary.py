# SPDX-License-Identifier: BSD-3-Clause
"""rope.Rotary: positions, offsets, axes, tables that are kept, threads, pickling."""

import pickle
import threading
import tracemalloc

import ml_dtypes
import numpy as np
import pytest

from fastops import reference, rope

B, S, H, KV, D = 3, 5, 4, 2, 32


def queries(rng, *shape, dtype=np.float32):
    return rng.standard_normal(shape or (B, S, H, D)).astype(dtype)


def rotated(x, positions, layout="half", rotary_dim=None, inverse=False):
    """x (..., tokens, heads, lanes) by the reference; positions (..., tokens)."""
    frequencies = reference.rope.frequencies(x.shape[-1] if rotary_dim is None else rotary_dim)
    dtype = np.float64 if x.dtype == np.float64 else np.float32
    cos, sin = (t[..., None, :] for t in rope.table(positions, rope.Frequencies(frequencies), dtype=dtype))
    return reference.rope.rotate(x, cos, sin, layout, inverse=inverse)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("layout", ["half", "interleaved"])
@pytest.mark.parametrize("rotary_dim", [None, 20, 0])
def test_tokens_are_rotated_by_their_positions(dtype, layout, rotary_dim, rng):
    q, k = queries(rng, dtype=dtype), queries(rng, B, S, KV, D, dtype=dtype)
    rotary = rope.Rotary(D, rotary_dim=rotary_dim, layout=layout)
    want = [rotated(x, np.arange(S), layout, rotary_dim) for x in (q, k)]
    assert np.array_equal(rotary(q), want[0])
    got = rotary(q, k)
    assert all(np.array_equal(g, w) for g, w in zip(got, want, strict=True))
    assert [g.dtype for g in got] == [dtype] * 2
    outs = q.copy(), k.copy()
    assert all(g is out for g, out in zip(rotary(*outs, out=outs), outs, strict=True))
    assert all(np.array_equal(out, w) for out, w in zip(outs, want, strict=True))
    assert np.allclose(rotary(want[0], inverse=True).astype(float), q.astype(float), atol=0.1)


def test_base_reaches_the_frequencies():
    assert np.array_equal(rope.Rotary(D, base=5e5).frequencies.inverse, rope.frequencies(D, base=5e5).inverse)
    assert repr(rope.Rotary(D, rotary_dim=8, base=5e5, layout="interleaved")) == (
        "Rotary(32, rotary_dim=8, base=500000.0, layout='interleaved')"
    )


@pytest.mark.parametrize("offset", [0, 7, -3, 300, 70_000, 10**9, np.int32(7), np.uint8(7), np.array(7)])
def test_one_offset(offset, rng):
    q = queries(rng)
    assert np.array_equal(rope.Rotary(D)(q, offset=offset), rotated(q, np.arange(S) + int(offset)))


@pytest.mark.parametrize("tokens", [1, S])
@pytest.mark.parametrize("offset", [[7, 0, 1000], np.array([7, 0, 255], np.uint8), [-1, 10**9, 2]])
def test_one_offset_per_batch_row(tokens, offset, rng):
    q, k = queries(rng, B, tokens, H, D), queries(rng, B, tokens, KV, D)
    positions = np.asarray(offset, np.int64)[:, None] + np.arange(tokens)
    for got, x in zip(rope.Rotary(D)(q, k, offset=offset), (q, k), strict=True):
        assert np.array_equal(got, rotated(x, positions))


def test_one_token_of_many_rows_rotates_every_row(rng):
    q, k = np.repeat(queries(rng, 1, 1, H, D), 16, axis=0), np.repeat(queries(rng, 1, 1, KV, D), 16, axis=0)
    for got, x in zip(rope.Rotary(D)(q, k, offset=9), (q, k), strict=True):
        assert np.array_equal(got, np.repeat(rotated(x[:1], [9]), 16, axis=0))
        assert not np.array_equal(got, x)


@pytest.mark.parametrize(
    "positions",
    [
        [4, 0, 2, 2, 9],
        [0, 1, 2, 3, -7],
        np.array([0.5, 1.25, 3, 1e6, 7]),
        np.array([2**20, 1, 2, 3, 4], np.uint32),
        np.array([[0, 0, 0, 1, 2], [0, 1, 2, 3, 4], [0, 0, 1, 2, 3]]),  # rows padded on the left
    ],
)
@pytest.mark.parametrize("offset", [0, 3])
def test_positions(positions, offset, rng):
    q = queries(rng)
    got = rope.Rotary(D)(q, positions=positions, offset=offset)
    assert np.array_equal(got, rotated(q, np.asarray(positions) + offset))


@pytest.mark.parametrize("offset", [0, 6, [1, 2, 300]])
@pytest.mark.parametrize("positions", [None, [5, 1, 2, 0, 9]])
def test_heads_first(offset, positions, rng):
    q, k = queries(rng), queries(rng, B, S, KV, D)
    rotary = rope.Rotary(D)
    want = rotary(q, k, offset=offset, positions=positions)
    first = [x.swapaxes(-2, -3) for x in (q, k)]
    for arranged in (first, [x.copy() for x in first]):
        got = rotary(*arranged, offset=offset, positions=positions, heads_axis=-3)
        assert all(np.array_equal(g.swapaxes(-2, -3), w) for g, w in zip(got, want, strict=True))
    assert np.array_equal(rotary(first[0], offset=offset, positions=positions, heads_axis=-3).swapaxes(-2, -3), want[0])


@pytest.mark.parametrize("shape", [(S, H, D), (2, B, S, H, D), (0, S, H, D), (B, 0, H, D), (B, S, 0, D)])
def test_other_numbers_of_axes_and_empty_arrays(shape, rng):
    q = queries(rng, *shape)
    assert np.array_equal(rope.Rotary(D)(q, offset=4), rotated(q, np.arange(shape[-3]) + 4))


@pytest.mark.parametrize(("q_tokens", "k_tokens"), [(1, S), (S, 1), (S, S + 1)])
def test_keys_of_another_number_of_tokens_are_refused(q_tokens, k_tokens, rng):
    # one row of tables for q would be broadcast over all of k
    q, k = queries(rng, B, q_tokens, H, D), queries(rng, B, k_tokens, KV, D)
    for heads_axis, arranged in [(-2, (q, k)), (-3, (q.swapaxes(1, 2), k.swapaxes(1, 2)))]:
        with pytest.raises(ValueError, match="k has shape"):
            rope.Rotary(D)(*arranged, offset=9, heads_axis=heads_axis)


# ---- shift ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delta", [0, 5, -3, 70_000, [1, -2, 3]])
def test_shift_moves_keys_to_other_positions(delta, rng):
    k = queries(rng, B, S, KV, D, dtype=np.float64)
    rotary = rope.Rotary(D)
    per_row = np.asarray(delta)[..., None] if np.ndim(delta) else delta
    want = rotary(k, positions=np.arange(S) + 40 + per_row)
    at_40 = rotary(k, offset=40)
    np.testing.assert_allclose(rotary.shift(at_40, delta), want, rtol=0, atol=1e-10)
    first = at_40.swapaxes(1, 2)
    np.testing.assert_allclose(rotary.shift(first, delta, heads_axis=-3), want.swapaxes(1, 2), rtol=0, atol=1e-10)
    assert rotary.shift(at_40, delta, out=at_40) is at_40
    np.testing.assert_allclose(at_40, want, rtol=0, atol=1e-10)


# ---- tables ---------------------------------------------------------------------------------------------------------


def test_tables_grow_without_changing_results(rng):
    rotary, q = rope.Rotary(D), queries(rng)
    want = [rotated(q, np.arange(S) + offset) for offset in (0, 3, 255, 256, 5000, 2)]
    for offset, w in zip((0, 3, 255, 256, 5000, 2), want, strict=True):
        assert np.array_equal(rotary(q, offset=offset), w)


def memory_of(call):
    tracemalloc.start()
    call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("heads_axis", [-2, -3])
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("offset", [0, 3, 251, 252, 5000])
def test_calls_that_the_kept_table_answers(dtype, heads_axis, inverse, offset, rng):
    """They take another way than those with positions; 256 rows are kept at first, so 252 + 5 tokens are not."""
    q, k = queries(rng, B, S, H, D, dtype=dtype), queries(rng, B, S, KV, D, dtype=dtype)
    if heads_axis == -3:
        q, k = q.swapaxes(1, 2), k.swapaxes(1, 2)
    rotary = rope.Rotary(D, rotary_dim=20, layout="interleaved")
    want = rotary(q, k, positions=np.arange(S) + offset, heads_axis=heads_axis, inverse=inverse)
    rotary(q)
    got = rotary(q, k, offset=offset, heads_axis=heads_axis, inverse=inverse)
    assert all(np.array_equal(g, w) for g, w in zip(got, want, strict=True))
    assert np.array_equal(rotary(k, offset=offset, heads_axis=heads_axis, inverse=inverse), want[1])
    outs = q.copy(), k.copy()
    assert all(
        g is out for g, out in zip(rotary(*outs, offset=offset, heads_axis=heads_axis, out=outs), outs, strict=True)
    )


def test_wrong_arguments_are_refused_with_a_kept_table_too(rng):
    q, k = queries(rng), queries(rng, B, S, KV, D)
    rotary = rope.Rotary(D)
    rotary(q)
    before = q.copy()
    for arguments, error in (
        ({"q": [1.0]}, TypeError),
        ({"q": q, "k": k[:, :3]}, ValueError),
        ({"q": q[..., :8]}, ValueError),
        ({"q": q[0, 0]}, ValueError),
        ({"q": q, "heads_axis": -1}, ValueError),
        ({"q": q.astype(np.int32)}, TypeError),
        ({"q": q.astype(">f4")}, TypeError),
        ({"q": q, "k": k, "out": q}, TypeError),
        ({"q": q, "k": k, "out": (q, q)}, ValueError),
        ({"q": q, "k": q, "out": (q, q)}, ValueError),
        ({"q": q, "out": np.broadcast_to(q[:1], q.shape)}, ValueError),
    ):
        with pytest.raises(error):
            rotary(**arguments)
    assert np.array_equal(q, before)


def test_far_positions_need_no_large_table(rng):
    rotary, q = rope.Rotary(D), queries(rng)
    assert memory_of(lambda: rotary(q, offset=10**9, out=q)) < 1 << 16
    assert memory_of(lambda: rotary(q, offset=rope.Rotary.TABLE_ROWS, out=q)) < 1 << 16
    rotary(q, offset=1000, out=q)
    assert memory_of(lambda: rotary(q, offset=1000, out=q)) < 1 << 14  # kept


def test_pickle_keeps_everything_but_the_tables(rng):
    rotary, q = rope.Rotary(D, rotary_dim=20, base=5e5, layout="interleaved"), queries(rng)
    want = rotary(q, offset=1000)
    data = pickle.dumps(rotary)
    assert len(data) < 2000
    assert np.array_equal(pickle.loads(data)(q, offset=1000), want)
    frequencies = pickle.loads(pickle.dumps(rope.Frequencies(np.ones(3), 1.5)))
    assert frequencies.attention_factor == 1.5
    assert frequencies.inverse.tolist() == [1, 1, 1]


@pytest.mark.usefixtures("two_threads")
def test_one_object_in_8_threads(rng):
    rotary, q = rope.Rotary(D), queries(rng, 2, 300, H, D)
    offsets = [0, 3, 250, 700, 4000, 9000, 30_000, 10**6]
    want = {offset: rotated(q, np.arange(300) + offset) for offset in offsets}
    wrong = []
    start = threading.Barrier(8)

    def work(first):
        start.wait()
        for i in range(24):
            offset = offsets[(first + i) % 8]
            if not np.array_equal(rotary(q, offset=offset), want[offset]):
                wrong.append(offset)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
