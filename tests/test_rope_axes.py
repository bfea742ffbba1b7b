# SPDX-License-Identifier: BSD-3-Clause
"""Tables of several coordinates: which pair takes which, bits of the one-dimensional table, relativity; positions."""

import math

import mpmath
import numpy as np
import pytest

import oracles
from fastops import reference, rope

PRESETS_2D = [
    "eva02",
    "inkling2",
    "kimi_k25",
    "llama4_vision",
    "neomme",
    "pixtral",
    "qwen2_vl_vision",
    "sam2",
    "step3p7",
]
PRESETS_3D = ["cogvideox", "flux", "minimax_m3_vl", "wan", "qwen2_vl", "qwen3_vl", "ernie4_5_vl"]


def rotated(x, positions, preset):
    cos, sin = rope.table(positions, preset.frequencies, axes=preset.axes, dtype=np.float64)
    return rope.rotate(x, cos, sin, layout=preset.layout, full_width=preset.full_width)


# ---- axes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sections", "late"), [([24, 20, 20], [60, 61, 62, 63]), ([11, 11, 10], [30])])
def test_interleaved_axes(sections, late):
    axes = rope.axes_interleaved(sections)
    assert np.bincount(axes).tolist() == sections
    for i, axis in enumerate(axes.tolist()):
        assert axis == (i % 3 if i % 3 and i < 3 * sections[i % 3] else 0)
    assert not axes[late].any()


def test_chunked_axes():
    assert rope.axes_chunked([16, 24, 24]).tolist() == [0] * 16 + [1] * 24 + [2] * 24
    assert rope.axes_chunked([0, 2]).tolist() == [1, 1]
    assert rope.axes_chunked([3]).tolist() == [0, 0, 0]


def test_grid_axes_by_name():
    video = ("frame", "row", "column")
    assert rope.axes_grid(6, video, coordinates=video).tolist() == [0, 0, 1, 1, 2, 2]
    assert rope.axes_grid(6, video[::-1], coordinates=video, alternating=True).tolist() == [2, 1, 0] * 2
    assert rope.axes_grid(4, ("column", "row"), coordinates=("column", "row")).tolist() == [0, 0, 1, 1]
    assert rope.axes_grid(0).tolist() == []


# ---- tables ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axes", [rope.axes_interleaved([24, 20, 20]), rope.axes_chunked([16, 24, 24])], ids=["i", "c"])
def test_each_pair_has_the_bits_of_its_coordinate(precision, dtype, axes, rng):
    frequencies = rope.frequencies(128, base=5e6, precision=precision)
    positions = rng.integers(-1000, 1 << 20, (2, 7, 3))
    got = rope.table(positions, frequencies, axes=axes, dtype=dtype)
    for axis in range(3):
        want = rope.table(positions[..., axis], frequencies, dtype=dtype)
        for table, of_axis in zip(got, want, strict=True):
            assert table.dtype == dtype
            assert table.shape == (2, 7, 64)
            assert np.array_equal(table[..., axes == axis], of_axis[..., axes == axis])
    want = reference.rope.table(positions, frequencies.inverse, dtype=dtype, axes=axes)
    np.testing.assert_allclose(got, want, rtol=0, atol=np.finfo(dtype).eps)
    text = np.repeat(positions[..., :1], 3, axis=-1)
    assert np.array_equal(rope.table(text, frequencies, axes=axes), rope.table(text[..., 0], frequencies))


def test_tables_of_grids_against_mpmath():
    positions = [[3, -5], [2**23 + 1, 77]]
    tables = rope.table(positions, rope.frequencies_grid([8, 8], base=100), axes=rope.axes_grid(8))
    for row, place in enumerate(positions):
        for pair in range(8):
            want = oracles.rope_table_entry(place[pair // 4], pair % 4, 8, 100)
            for got, exact in zip(tables, want, strict=True):
                assert abs(float(got[row, pair]) - exact) <= 6e-8


def test_attention_factor_and_no_pairs():
    frequencies = rope.Frequencies(rope.frequencies(8).inverse, 1.25)
    cos, _ = rope.table(np.zeros((3, 2)), frequencies, axes=[0, 1, 0, 1])
    assert (cos == 1.25).all()
    assert rope.table(np.zeros((3, 2)), rope.frequencies(0), axes=[])[0].shape == (3, 0)
    assert rope.table(np.zeros((0, 2)), frequencies, axes=[0, 1, 0, 1])[0].shape == (0, 4)


@pytest.mark.parametrize("heads", [(), (5,)])
def test_mixed_frequencies(heads, rng):
    inverse = rng.standard_normal((*heads, 2, 6))
    positions = rng.uniform(-50, 50, (3, 4, 2))
    got = rope.table(positions, rope.Frequencies(inverse, 1.5), dtype=np.float64)
    angles = np.einsum("...a,hap->...hp", positions, inverse.reshape(-1, 2, 6)).reshape(3, 4, *heads, 6)
    np.testing.assert_allclose(got, (1.5 * np.cos(angles), 1.5 * np.sin(angles)), rtol=0, atol=1e-13)
    narrow = inverse.astype(np.float32)
    cos, _ = rope.table(positions, rope.Frequencies(narrow))
    places = positions.astype(np.float32)
    x, y = (places[..., a].reshape(3, 4, *(1 for _ in heads), 1) * narrow[..., a, :] for a in (0, 1))
    assert cos.dtype == np.float32
    np.testing.assert_allclose(cos, np.cos((x + y).astype(float)), atol=1e-7)


def test_mixed_frequencies_on_axes_are_axial(rng):
    axial = rope.preset("qwen2_vl_vision", 16)
    inverse = np.zeros((2, 8))
    inverse[axial.axes, np.arange(8)] = axial.frequencies.inverse
    positions = rope.positions_grid(5, 7)
    want = rope.table(positions, axial.frequencies, axes=axial.axes)
    assert np.array_equal(rope.table(positions, rope.Frequencies(inverse)), want)


# ---- what a rotary embedding is -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS_2D + PRESETS_3D)
def test_scores_depend_on_the_difference(name, rng):
    preset = rope.preset(name, 128)
    coordinates = len(preset.order)
    q, k = rng.standard_normal((2, 128))
    here, there, by = rng.uniform(-30, 30, (3, coordinates))

    def score(a, b):
        return rotated(q, a, preset) @ rotated(k, b, preset)

    assert score(here, there) == pytest.approx(score(here + by, there + by), abs=1e-11)
    assert score(here, here) == pytest.approx(q @ k, abs=1e-11)
    assert abs(score(here, there) - score(here + by, there)) > 1e-3
    assert np.linalg.norm(rotated(q, here, preset)) == pytest.approx(np.linalg.norm(q), rel=1e-13)
    assert np.array_equal(rotated(q, np.zeros(coordinates), preset), q)
    twice = rotated(rotated(q, here, preset), by, preset)
    np.testing.assert_allclose(twice, rotated(q, here + by, preset), atol=1e-12)


def test_two_coordinates_are_two_rotations(rng):
    x, (row, column) = rng.standard_normal(32), (3.5, -7.25)
    halves = [
        reference.rope.rotate(
            part, *reference.rope.table(p, rope.frequencies(16).inverse, dtype=np.float64), "interleaved"
        )
        for part, p in zip((x[:16], x[16:]), (row, column), strict=True)
    ]
    got = rotated(x, [row, column], rope.preset("sam2", 32))
    np.testing.assert_allclose(got, np.concatenate(halves), atol=1e-14)


def test_coordinates_of_images():
    # which coordinate has the first pair, and the one after a quarter of the lanes; the frequency of pair 1; the layout
    first, slow, fast = (0, 1), 10000.0 ** (-2 / 32), 10000.0 ** (-2 / 64)
    want = {
        "dinov3": (first, 2 * math.pi * 100 ** (-2 / 32), "half"),
        "eva02": (first, slow, "interleaved"),
        "gemma4_vision": (first, 100 ** (-2 / 32), "half"),
        "inkling2": (first[::-1], slow, "interleaved"),
        "kimi_k25": ((1, 1), 1, "half"),
        "llama4_vision": (first[::-1], slow, "interleaved"),
        "neomme": ((0, 0), fast, "half"),
        "pixtral": (first, 10000.0 ** (-4 / 64), "half"),
        "qwen2_vl_vision": (first, slow, "half"),
        "sam2": (first, slow, "interleaved"),
        "step3p7": (first[::-1], slow, "half"),
    }
    for name, (axes, frequency, layout) in want.items():
        found = rope.preset(name, 64)
        assert (*found.axes[[0, 16]].tolist(), found.layout) == (*axes, layout), name
        assert found.frequencies.inverse[1] == pytest.approx(frequency, rel=1e-14), name
        assert found.order == ("row", "column")
    assert rope.preset("gemma4_vision", 64).blocks == 2


def test_lanes_of_videos():
    for name, dim, lanes in (("flux", 128, [16, 56, 56]), ("wan", 128, [44, 42, 42]), ("cogvideox", 64, [16, 24, 24])):
        found = rope.preset(name, dim)
        want = [10000.0 ** (-2 * i / n) for n in lanes for i in range(n // 2)]
        np.testing.assert_allclose(found.frequencies.inverse, want, rtol=1e-14)
        assert found.axes.tolist() == [axis for axis, n in enumerate(lanes) for _ in range(n // 2)]
        assert found.layout == "interleaved"


def test_blocks_are_rotated_one_by_one(rng):
    preset, place = rope.preset("gemma4_vision", 32), np.array([5.0, -3.0])
    x = rng.standard_normal(32)
    cos, sin = rope.table(place, preset.frequencies, axes=preset.axes, dtype=np.float64)
    got = x.copy()
    for block, (c, s) in enumerate(zip(np.split(cos, 2), np.split(sin, 2), strict=True)):
        rope.rotate(got, c, s, layout=preset.layout, start=16 * block, out=got)
    one = rope.frequencies(16, base=100)
    want = [rope.rotate(x[16 * a :][:16], *rope.table(place[a], one, dtype=np.float64)) for a in (0, 1)]
    assert np.array_equal(got, np.concatenate(want))


@pytest.mark.parametrize("name", ["vjepa2", "hunyuan_vl"])
def test_full_width_presets_are_no_rotations(name, rng):
    preset = rope.preset(name, 128)
    assert preset.full_width
    x, place = rng.standard_normal(128), rng.uniform(1, 9, max(preset.axes) + 1)
    assert abs(np.linalg.norm(rotated(x, place, preset)) - np.linalg.norm(x)) > 1e-3


def test_text_of_mrope_is_one_dimensional(rng):
    x = rng.standard_normal((9, 128)).astype(np.float32)
    for name in ("qwen2_vl", "qwen3_vl", "ernie4_5_vl"):
        preset = rope.preset(name, 128)
        cos, sin = rope.table(np.repeat(np.arange(9)[:, None], 3, 1), preset.frequencies, axes=preset.axes)
        want = rope.rotate(x, *rope.table(np.arange(9), preset.frequencies), layout=preset.layout)
        assert np.array_equal(rope.rotate(x, cos, sin, layout=preset.layout), want)


# ---- xPos -----------------------------------------------------------------------------------------------------------


def test_xpos_against_mpmath():
    positions, dim, center = [0, 5, -700, 4095], 12, 100.5
    tables = rope.xpos_table(positions, rope.frequencies(dim), center=center, dtype=np.float64)
    for sign, of in zip((1, -1), tables, strict=True):
        for row, p in enumerate(positions):
            for i in range(dim // 2):
                zeta = (mpmath.mpf(2 * i) + mpmath.mpf(4 * dim) / 10) / (mpmath.mpf(14 * dim) / 10)
                factor = zeta ** (sign * (p - center) / mpmath.mpf(512))
                for got, exact in zip(of, oracles.rope_table_entry(p, i, dim, attention_factor=factor), strict=True):
                    assert abs(got[row, i] - exact) <= 2e-13 * factor


def test_xpos_scores_fall_with_the_distance_and_forget_the_center(rng):
    q, k = rng.standard_normal((2, 16))

    def score(m, n, center):
        (a, b), (c, d) = rope.xpos_table([m, n], rope.frequencies(16), center=center, dtype=np.float64)
        return rope.rotate(q, a[0], b[0]) @ rope.rotate(k, c[1], d[1])

    assert score(900, 100, 0) == pytest.approx(score(2900, 2100, 1234), rel=1e-9)
    ones = np.ones(16)
    q = k = ones
    assert abs(score(4096, 0, 0)) < 0.05 * score(0, 0, 0)


def test_xpos_too_far():
    with pytest.raises(ValueError, match="positions lie too far from center"):
        rope.xpos_table([40_000], rope.frequencies(64))
    rope.xpos_table([40_000], rope.frequencies(64), center=20_000)
    rope.xpos_table([40_000], rope.frequencies(64), dtype=np.float64)


# ---- positions ------------------------------------------------------------------------------------------------------


def test_positions_of_images_and_videos():
    want = [[r, c] for r in range(3) for c in range(4)]
    assert rope.positions_grid(3, 4).tolist() == want
    assert rope.positions_grid(3, 4, order=("column", "row")).tolist() == [[c, r] for r, c in want]
    assert rope.positions_grid(3, 4, start=1, prefix=2).tolist() == [[0, 0]] * 2 + [[r + 1, c + 1] for r, c in want]
    video = rope.positions_grid(3, 4, 2)
    assert video.tolist() == [[f, r, c] for f in range(2) for r, c in want]
    assert video.dtype == np.int64
    by_name = rope.positions_grid(3, 4, 2, order=("column", "frame", "row"))
    assert by_name.tolist() == [[c, f, r] for f in range(2) for r, c in want]
    assert rope.positions_grid(0, 4).shape == (0, 2)


def test_positions_in_merged_blocks():
    got = rope.positions_grid(4, 6, 2, merge=2)
    want = [
        [f, r + i, c + j]
        for f in range(2)
        for r in range(0, 4, 2)
        for c in range(0, 6, 2)
        for i in (0, 1)
        for j in (0, 1)
    ]
    assert got.tolist() == want


def test_positions_between_minus_1_and_1():
    rows = rope.positions_grid(4, 1, spacing="centered")[:, 0]
    assert rows.tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert rope.positions_grid(3, 2, spacing="pixel").tolist() == [[r, c] for r in (-1, 0, 1) for c in (-1, 1)]
    pixel = rope.frequencies_pixel(8, max_frequency=10).inverse
    np.testing.assert_allclose(pixel, np.array([1, 7 / 3, 11 / 3, 5]) * math.pi)


def test_ragged_positions():
    assert rope.positions_ragged(np.array([0, 3, 3, 4], np.uint8)).tolist() == [0, 1, 2, 0]
    assert rope.positions_ragged([0]).tolist() == []


def test_padded_positions():
    mask = np.array([[0, 0, 1, 1], [1, 1, 0, 1], [0, 0, 0, 0]])
    assert rope.positions_padded(mask).tolist() == [[0, 0, 0, 1], [0, 1, 1, 2], [0, 0, 0, 0]]
    assert np.array_equal(rope.positions_padded(mask.astype(bool)), rope.positions_padded(mask))


# ---- layouts of weights ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rotary_dim", [None, 6, 0])
@pytest.mark.parametrize("columns", [(), (7,)])
def test_converted_weights_give_the_same_scores(rotary_dim, columns, rng):
    heads, head_dim = 3, 10
    wq, wk = rng.standard_normal((2, heads * head_dim, *columns))
    x = rng.standard_normal((2, *columns))
    cos, sin = rope.table([2, 9], rope.frequencies(head_dim if rotary_dim is None else rotary_dim), dtype=np.float64)

    def scores(wq, wk, layout):
        q, k = (np.tensordot(w, a, len(columns)).reshape(heads, head_dim) for w, a in zip((wq, wk), x, strict=True))
        q, k = (rope.rotate(y, cos[i], sin[i], layout=layout) for i, y in enumerate((q, k)))
        return (q * k).sum(-1)

    there = [rope.half_to_interleaved(w, heads, rotary_dim) for w in (wq, wk)]
    np.testing.assert_allclose(scores(*there, "interleaved"), scores(wq, wk, "half"), rtol=1e-13)
    back = [rope.interleaved_to_half(w, heads, rotary_dim) for w in there]
    assert np.array_equal(back, [wq, wk])
    assert not np.shares_memory(there[0], wq)
    if rotary_dim is None:  # as the files of Llama are converted
        published = wq.reshape(heads, 2, head_dim // 2, *columns).swapaxes(1, 2).reshape(wq.shape)
        assert np.array_equal(there[0], published)


# ---- errors ---------------------------------------------------------------------------------------------------------

F = rope.frequencies(8)
MIXED = rope.Frequencies(np.ones((3, 4)))
ERRORS = {
    "axes_float": (lambda: rope.table([[1, 2]], F, axes=[0.0, 1, 0, 1]), TypeError, "axes has dtype float64"),
    "axes_short": (
        lambda: rope.table([[1, 2]], F, axes=[0, 1]),
        ValueError,
        r"axes has shape \(2,\); \(4,\) is needed",
    ),
    "axes_large": (lambda: rope.table([[1, 2]], F, axes=[0, 1, 2, 0]), ValueError, "axes goes from 0 to 2; .* 2 coord"),
    "axes_negative": (lambda: rope.table([[1, 2]], F, axes=[0, 1, -1, 0]), ValueError, "axes goes from -1"),
    "positions_0d": (lambda: rope.table(1, F, axes=[0] * 4), ValueError, r"positions has shape \(\); its last axis"),
    "positions_type": (lambda: rope.table([[True]], F, axes=[0] * 4), TypeError, "positions has dtype bool"),
    "dtype": (lambda: rope.table([[1]], F, axes=[0] * 4, dtype=np.float16), TypeError, "dtype must be float32"),
    "far": (lambda: rope.table([[2.0**31]], F, axes=[0] * 4), ValueError, "below 2\\*\\*31"),
    "mixed_coordinates": (lambda: rope.table([[1, 2]], MIXED), ValueError, "3 coordinates are needed"),
    "mixed_axes": (lambda: rope.table([[1, 2, 3]], MIXED, axes=[0] * 4), ValueError, "has 2 axes; with axes one"),
    "mixed_type": (lambda: rope.table([[1]], rope.Frequencies(np.ones((1, 1), int))), TypeError, "inverse has dtype"),
    "mixed_nan": (lambda: rope.table([[1, 2, np.nan]], MIXED), ValueError, "finite and below"),
    "mixed_dtype": (lambda: rope.table([[1, 2, 3]], MIXED, dtype=int), TypeError, "dtype must be float32"),
    "sections": (lambda: rope.axes_chunked([]), ValueError, "sections must have a number for each coordinate"),
    "section_negative": (lambda: rope.axes_chunked([2, -1]), ValueError, "sections must be at least 0, got -1"),
    "section_float": (lambda: rope.axes_chunked([2.0]), TypeError, "sections must be an integer"),
    "turns": (lambda: rope.axes_interleaved([1, 5]), ValueError, r"sections = \[1, 5\] cannot take turns"),
    "pairs": (lambda: rope.axes_grid(5), ValueError, "pairs must be a multiple of 2, got 5"),
    "names": (lambda: rope.axes_grid(4, ("row", "height")), ValueError, "order must have the names of coordinates"),
    "names_twice": (lambda: rope.axes_grid(4, ("row", "row")), ValueError, "each once"),
    "order": (lambda: rope.positions_grid(2, 2, order=("x", "y")), ValueError, "order must have the names 'row', 'col"),
    "spacing": (lambda: rope.positions_grid(2, 2, spacing="even"), ValueError, "spacing must be one of"),
    "start": (lambda: rope.positions_grid(2, 2, start=1, spacing="pixel"), ValueError, "start must be 0 with spacing"),
    "merge": (lambda: rope.positions_grid(3, 2, merge=2), ValueError, "merge must divide height = 3 and width = 2"),
    "height": (lambda: rope.positions_grid(-1, 2), ValueError, "height must be at least 0"),
    "prefix": (lambda: rope.positions_grid(1, 2, prefix=1.5), TypeError, "prefix must be an integer"),
    "offsets": (lambda: rope.positions_ragged([1, 2]), ValueError, "begin at 0"),
    "offsets_fall": (lambda: rope.positions_ragged([0, 2, 1]), ValueError, "never fall"),
    "offsets_type": (lambda: rope.positions_ragged([0.0, 2]), TypeError, "sequence_offsets has dtype float64"),
    "offsets_shape": (lambda: rope.positions_ragged([[0, 2]]), ValueError, r"sequence_offsets has shape \(1, 2\)"),
    "mask_type": (lambda: rope.positions_padded([1.0]), TypeError, "attention_mask has dtype float64"),
    "mask_shape": (lambda: rope.positions_padded(1), ValueError, r"attention_mask has shape \(\)"),
    "preset": (lambda: rope.preset("vit", 64), ValueError, "name must be one of 'cogvideox', .*, got 'vit'"),
    "preset_dim": (
        lambda: rope.preset("sam2", 66),
        ValueError,
        "rotary_dim must be a multiple of 4 for 'sam2', got 66",
    ),
    "preset_video": (lambda: rope.preset("flux", 24), ValueError, "multiple of 16"),
    "preset_sections": (lambda: rope.preset("qwen2_vl", 64), ValueError, "sections must have .* = 32 pairs"),
    "preset_three": (lambda: rope.preset("qwen2_vl", 8, sections=[2, 2]), ValueError, "three numbers"),
    "preset_ernie": (lambda: rope.preset("ernie4_5_vl", 8, sections=[1, 2, 1]), ValueError, "two equal numbers"),
    "preset_no_sections": (lambda: rope.preset("sam2", 64, sections=[32]), ValueError, "sections must not be given"),
    "weight": (
        lambda: rope.half_to_interleaved(np.ones(7), 2),
        ValueError,
        r"weight has shape \(7,\).*multiple of num_heads = 2",
    ),
    "weight_0d": (lambda: rope.half_to_interleaved(1.0, 1), ValueError, r"weight has shape \(\)"),
    "weight_dim": (lambda: rope.interleaved_to_half(np.ones(8), 2, 6), ValueError, "at most head_dim = 4, got 6"),
    "weight_odd": (lambda: rope.interleaved_to_half(np.ones(8), 2, 3), ValueError, "rotary_dim must be even"),
    "weight_heads": (lambda: rope.interleaved_to_half(np.ones(8), 0), ValueError, "num_heads must be at least 1"),
    "xpos_base": (lambda: rope.xpos_table([1], F, scale_base=0), ValueError, "scale_base must be positive"),
    "xpos_center": (lambda: rope.xpos_table([1], F, center=np.nan), ValueError, "center must be finite"),
    "xpos_dtype": (lambda: rope.xpos_table([1], F, dtype=np.float16), TypeError, "dtype must be float32"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    call, error, message = ERRORS[case]
    with pytest.raises(error, match=message):
        call()
