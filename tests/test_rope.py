# SPDX-License-Identifier: BSD-3-Clause
"""rope.rotate and rope.rotate_qk: every option, layout in memory and special value, against the reference."""

import itertools

import numpy as np
import pytest

from fastops import reference, rope
from fastops._case import DTYPES, bits

FLOATS = [name for name in ("f32", "f64", "f16", "bf16") if name in DTYPES]
LAYOUTS = ["half", "interleaved"]

pytestmark = pytest.mark.usefixtures("isa")
every_type = pytest.mark.parametrize("name", FLOATS)
every_layout = pytest.mark.parametrize("layout", LAYOUTS)


def wide(name):
    """Type of the tables."""
    return np.float64 if name == "f64" else np.float32


def numbers(rng, name, *shape):
    return rng.standard_normal(shape).astype(DTYPES[name])


def tables(rng, name, *shape):
    return tuple(rng.standard_normal((2, *shape)).astype(wide(name)))


def assert_same(got, want, nan_bits=True):
    """Bit for bit; without nan_bits any NaN will do for a NaN."""
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    good = bits(got) == bits(want)
    if not nan_bits:
        good |= np.isnan(got.ravel().astype(float)) & np.isnan(want.ravel().astype(float))
    wrong = np.flatnonzero(~good)
    assert not wrong.size, [(i, got.flat[i], want.flat[i]) for i in wrong[:5]]


# ---- options --------------------------------------------------------------------------------------------------------


@every_type
@every_layout
@pytest.mark.parametrize("full_width", [False, True], ids=["half_width", "full_width"])
@pytest.mark.parametrize("inverse", [False, True], ids=["forward", "inverse"])
def test_any_width_at_any_place(name, layout, full_width, inverse, rng):
    options = {"layout": layout, "full_width": full_width, "inverse": inverse}
    for lanes, rotary_dim in itertools.product((1, 2, 9, 24, 67, 96, 100, 130), (0, 2, 6, 20, 24, 34, 66, 130)):
        for start in {0, 1, (lanes - rotary_dim) // 2, lanes - rotary_dim}:
            if not 0 <= start <= lanes - rotary_dim:
                continue
            x = numbers(rng, name, 3, 2, lanes)
            cos, sin = tables(rng, name, 3, 1, rotary_dim if full_width else rotary_dim // 2)
            want = reference.rope.rotate(x, cos, sin, start=start, **options)
            before = x.copy()
            assert_same(rope.rotate(x, cos, sin, start=start, **options), want)
            assert_same(x, before)
            assert rope.rotate(x, cos, sin, start=start, **options, out=x) is x
            assert_same(x, want)


@every_type
@every_layout
@pytest.mark.parametrize("in_place", [False, True], ids=["out_of_place", "in_place"])
def test_other_lanes_keep_their_bits(name, layout, in_place, rng):
    dtype = DTYPES[name]
    x = rng.integers(0, 256, (5, 40 * dtype.itemsize), np.uint8).view(dtype)  # NaNs of any payload among them
    x[:, 1] = np.array([np.nan], dtype)
    x.view(f"u{dtype.itemsize}")[:, 1] ^= 1  # a signalling one, with a payload
    cos, sin = tables(rng, name, 5, 7)
    for start in (0, 2, 26):
        before = x.copy()
        got = rope.rotate(x, cos, sin, layout=layout, start=start, out=x if in_place else None)
        outside = [lane for lane in range(40) if not start <= lane < start + 14]
        assert_same(got[:, outside], before[:, outside])


@every_type
def test_nothing_to_rotate_is_a_copy(name, rng):
    x = numbers(rng, name, 4, 9)
    cos, sin = tables(rng, name, 4, 0)
    got = rope.rotate(x, cos, sin, start=3)
    assert_same(got, x)
    assert not np.shares_memory(got, x)
    assert rope.rotate(x[:, :0], cos, sin).shape == (4, 0)


@every_layout
def test_a_quarter_turn_takes_one_lane_to_the_other(layout):
    x = np.array([1, 2, 3, 4], np.float32)
    zero, one = np.zeros(2, np.float32), np.ones(2, np.float32)
    want = [-3, -4, 1, 2] if layout == "half" else [-2, 1, -4, 3]
    assert rope.rotate(x, zero, one, layout=layout).tolist() == want
    assert rope.rotate(x, zero, -one, layout=layout).tolist() == [-v for v in want]
    assert rope.rotate(x, zero, one, layout=layout, inverse=True).tolist() == [-v for v in want]


# ---- mathematics ----------------------------------------------------------------------------------------------------


@every_layout
def test_scores_depend_on_the_distance_only(layout, rng):
    q, k = numbers(rng, "f64", 128), numbers(rng, "f64", 128)
    frequencies = rope.frequencies(128)

    def score(m, n):
        (cos_m, sin_m), (cos_n, sin_n) = (rope.table(p, frequencies, dtype=np.float64) for p in (m, n))
        return rope.rotate(q, cos_m, sin_m, layout=layout) @ rope.rotate(k, cos_n, sin_n, layout=layout)

    for distance in (0, 1, 64, -7):
        for n in (0, 1, 500, -100):
            assert abs(score(n + distance, n) - score(distance, 0)) <= 1e-11


@every_layout
@pytest.mark.parametrize("full_width", [False, True], ids=["half_width", "full_width"])
def test_rotations_compose_invert_and_keep_the_norm(layout, full_width, rng):
    x = numbers(rng, "f64", 3, 20)
    frequencies = rope.frequencies(16)
    options = {"layout": layout, "start": 2, "full_width": full_width}

    def turn(x, position, **more):
        table = rope.table(np.full(3, position), frequencies, dtype=np.float64)
        if full_width:
            table = [np.tile(t, 2) if layout == "half" else np.repeat(t, 2, axis=-1) for t in table]
        return rope.rotate(x, *table, **options, **more)

    np.testing.assert_allclose(turn(turn(x, 5), 37), turn(x, 42), rtol=0, atol=1e-12)
    np.testing.assert_allclose(turn(turn(x, 5), -5), x, rtol=0, atol=1e-12)
    np.testing.assert_allclose(turn(turn(x, 9), 9, inverse=True), x, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(turn(x, 77), axis=-1), np.linalg.norm(x, axis=-1), rtol=1e-14)


@every_layout
@pytest.mark.parametrize("full_width", [False, True], ids=["half_width", "full_width"])
def test_inverse_is_the_transpose(layout, full_width):
    rng = np.random.default_rng(2)
    cos, sin = tables(rng, "f64", 6 if full_width else 3)
    if full_width:  # otherwise the two lanes of a pair have their own tables, and there is no such transpose
        cos, sin = (np.tile(t[:3], 2) if layout == "half" else np.repeat(t[:3], 2) for t in (cos, sin))
    options = {"layout": layout, "start": 1, "full_width": full_width}
    forward = rope.rotate(np.eye(9), cos, sin, **options)
    back = rope.rotate(np.eye(9), cos, sin, inverse=True, **options)
    assert np.array_equal(back, forward.T)


# ---- special values and rounding ------------------------------------------------------------------------------------


@every_type
@every_layout
def test_special_values(name, layout):
    dtype = DTYPES[name]
    values = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan], dtype)
    patterns = np.array([1, bits(values)[4] - 1], f"u{dtype.itemsize}")  # the smallest and the largest number
    values = np.concatenate([values, patterns.view(dtype), -patterns.view(dtype)])
    x = np.array(list(itertools.product(values, repeat=2)), dtype)
    for c, s in itertools.product(np.array([0, -0.0, 1, 0.5, -2, np.inf, np.nan, 1e-30], wide(name)), repeat=2):
        cos, sin = np.full((len(x), 1), c), np.full((len(x), 1), s)
        with np.errstate(all="raise"):
            got = rope.rotate(x, cos, sin, layout=layout)
        assert_same(got, reference.rope.rotate(x, cos, sin, layout), nan_bits=False)


@pytest.mark.parametrize("name", [name for name in ("f16", "bf16") if name in DTYPES])
@every_layout
def test_every_16_bit_number_goes_to_float32_and_back(name, layout):
    every = np.arange(1 << 16, dtype=np.uint16).view(DTYPES[name])
    x = np.stack([every, np.ones_like(every)], axis=-1)
    cos, sin = np.ones((2, 1), np.float32)
    got = rope.rotate(x, cos, 0 * sin, layout=layout)
    number = ~np.isnan(every.astype(np.float32))
    assert_same(got[number, 0], every[number])
    assert np.isnan(got[~number, 0].astype(np.float32)).all()


@pytest.mark.parametrize("name", [name for name in ("f16", "bf16") if name in DTYPES])
def test_float32_is_rounded_to_the_nearest_16_bit_number_ties_to_even(name, rng):
    dtype = DTYPES[name]
    patterns = np.arange(0x7C00 if name == "f16" else 0x7F80, dtype=np.uint16)  # below infinity
    values = np.append(patterns.view(dtype).astype(np.float64), 2.0**16 if name == "f16" else 2.0**128)
    middle = ((values[1:] + values[:-1]) / 2).astype(np.float32)  # exactly
    c = np.concatenate([middle, np.nextafter(middle, np.float32(0)), np.nextafter(middle, np.float32(np.inf))])
    c = np.concatenate([c, -c, rng.integers(0, 1 << 32, 100_000, np.uint32).view(np.float32)])
    x = np.zeros((len(c), 2), dtype)
    x[:, 0] = 1  # so that lane 0 gets c
    with np.errstate(all="ignore"):
        want = c.astype(dtype)
    assert_same(rope.rotate(x, c[:, None], np.zeros((len(c), 1), np.float32))[:, 0], want, nan_bits=False)


# ---- layouts in memory ----------------------------------------------------------------------------------------------


def unaligned(x):
    view = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def placed(x, strided):
    """The elements of x, in a view that `strided` makes of a larger array of zeros."""
    view = strided(np.zeros([3 * n for n in x.shape], x.dtype))[tuple(slice(n) for n in x.shape)]
    view[...] = x
    return view


PLACES = {
    "fortran": np.asfortranarray,
    "heads_first": lambda x: np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2),
    "rows_apart": lambda x: placed(x, lambda larger: larger[:, ::2]),
    "tokens_reversed": lambda x: placed(x, lambda larger: larger[:, ::-1]),
    "all_reversed": lambda x: placed(x, lambda larger: larger[::-1, ::-1, ::-1, ::-1]),
    "lanes_apart": lambda x: placed(x, lambda larger: larger[..., ::3]),
    "lanes_reversed": lambda x: placed(x, lambda larger: larger[..., ::-2]),
    "unaligned": unaligned,
}
every_place = pytest.mark.parametrize("place", PLACES)


@every_type
@every_layout
@every_place
@pytest.mark.parametrize("full_width", [False, True], ids=["half_width", "full_width"])
def test_strides_of_any_argument_do_not_matter(name, layout, place, full_width, rng):
    x = numbers(rng, name, 2, 5, 3, 24)
    cos, sin = tables(rng, name, 2, 5, 1, 22 if full_width else 11)
    options = {"layout": layout, "start": 1, "full_width": full_width}
    want = rope.rotate(x, cos, sin, **options)
    move = PLACES[place]
    assert_same(rope.rotate(move(x), cos, sin, **options), want)
    assert_same(rope.rotate(x, move(cos), sin, **options), want)
    assert_same(rope.rotate(x, cos, move(sin), **options), want)
    for source in (x, move(x)):
        out = move(np.zeros_like(x))
        assert rope.rotate(source, cos, sin, **options, out=out) is out
        assert_same(out, want)
    moved = move(x)
    assert rope.rotate(moved, move(cos), move(sin), **options, out=moved) is moved
    assert_same(moved, want)


@every_type
@every_layout
@pytest.mark.parametrize(
    "view",
    [
        np.s_[:, 1:11:2, 2:5, 3:21],
        np.s_[::-1, 10:0:-2, ::3, 20:2:-1],
        np.s_[:, 1:6, 1:4, 1:37:2],
    ],
    ids=["rows_apart", "reversed", "lanes_apart"],
)
def test_what_lies_between_the_elements_does_not_change(name, layout, view, rng):
    larger = numbers(rng, name, 2, 11, 7, 40)
    cos, sin = tables(rng, name, 5, 1, 7)
    want = larger.copy()
    want[view] = rope.rotate(larger[view], cos, sin, layout=layout, start=3)
    rope.rotate(larger[view], cos, sin, layout=layout, start=3, out=larger[view])
    assert_same(larger, want)


@every_type
def test_broadcast_input_and_tables(name, rng):
    x, one = numbers(rng, name, 2, 5, 3, 24), numbers(rng, name, 24)
    spread = np.broadcast_to(one, (2, 5, 3, 24))
    cos, sin = tables(rng, name, 5, 1, 12)
    assert_same(rope.rotate(spread, cos, sin), rope.rotate(spread.copy(), cos, sin))
    for shape in [(12,), (1, 12), (3, 12), (5, 1, 12), (2, 1, 1, 12), (2, 5, 3, 12)]:
        cos, sin = tables(rng, name, *shape)
        whole = [np.ascontiguousarray(np.broadcast_to(t, (2, 5, 3, 12))) for t in (cos, sin)]
        want = rope.rotate(x, *whole)
        assert_same(rope.rotate(x, cos, sin), want)
        assert_same(rope.rotate(x, *(np.broadcast_to(t, (2, 5, 3, 12)) for t in (cos, sin))), want)
    cos, sin = (np.broadcast_to(t, (2, 5, 3, 12)) for t in tables(rng, name, 5, 1, 1))
    assert_same(rope.rotate(x, cos, sin), rope.rotate(x, cos.copy(), sin.copy()))


def test_new_results_keep_the_order_of_axes(rng):
    x = numbers(rng, "f32", 2, 5, 3, 24).swapaxes(1, 2)
    got = rope.rotate(x, *tables(rng, "f32", 12))
    assert got.strides == x.strides
    assert got.flags.owndata
    assert rope.rotate(numbers(rng, "f32", 24), *tables(rng, "f32", 12)).shape == (24,)
    deep = numbers(rng, "f32", 24).reshape((1,) * 31 + (2, 12))
    assert rope.rotate(deep, *tables(rng, "f32", 6)).shape == deep.shape


# ---- queries and keys -----------------------------------------------------------------------------------------------


@every_type
@every_layout
@pytest.mark.parametrize("in_place", [False, True], ids=["out_of_place", "in_place"])
def test_grouped_heads_in_one_packed_buffer(name, layout, in_place, rng):
    heads, kv_heads, lanes = 8, 2, 20
    packed = numbers(rng, name, 2, 7, heads + 2 * kv_heads, lanes)
    before = packed.copy()
    q, k, v = np.split(packed, [heads, heads + kv_heads], axis=2)
    cos, sin = tables(rng, name, 2, 7, 1, 9)
    options = {"layout": layout, "start": 1, "inverse": True}
    want = [reference.rope.rotate(x, cos, sin, **options) for x in (q, k)]
    got = rope.rotate_qk(q, k, cos, sin, **options, out=(q, k) if in_place else None)
    for g, w, x in zip(got, want, (q, k), strict=True):
        assert (g is x) == in_place
        assert_same(g, w)
    assert_same(v, before[:, :, heads + kv_heads :])
    if not in_place:
        assert_same(packed, before)


@every_type
def test_packed_heads_first_and_outputs_elsewhere(name, rng):
    packed = numbers(rng, name, 3, 4, 7, 16)  # (qkv, heads, tokens, lanes)
    cos, sin = tables(rng, name, 7, 8)
    out = np.zeros_like(packed)
    got = rope.rotate_qk(packed[0], packed[1], cos, sin, out=(out[2], out[0]))
    assert got[0].base is out
    assert_same(out[2], rope.rotate(packed[0], cos, sin))
    assert_same(out[0], rope.rotate(packed[1], cos, sin))
    assert not out[1].any()
    same = rope.rotate_qk(packed[0], packed[0], cos, sin)
    assert_same(same[0], same[1])


def test_queries_and_keys_may_differ_in_more_than_heads(rng):
    q, k = numbers(rng, "f32", 4, 5, 8, 16), numbers(rng, "f32", 5, 1, 24)
    cos, sin = tables(rng, "f32", 5, 1, 8)
    got = rope.rotate_qk(q, k, cos, sin)
    assert_same(got[0], rope.rotate(q, cos, sin))
    assert_same(got[1], rope.rotate(k, cos, sin))
    mixed = rope.rotate_qk(q.astype(np.float16), k, cos, sin)
    assert_same(mixed[0], rope.rotate(q.astype(np.float16), cos, sin))
    assert_same(mixed[1], got[1])
