# SPDX-License-Identifier: BSD-3-Clause
"""Rotation of queries and keys of the shape of Llama-3-8B's: how fast, how exact."""

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import fastops
from fastops import rope
from fastops.reference import rope as reference

from . import Column, Context, Picture, Section, Table, measure
from .format import counted

HEADS, KEY_HEADS, HEAD_DIM, BASE = 32, 8, 128, 500_000.0
CONTEXT = 8192  # the tokens are the last ones of it
TOKENS = (2048, 1)


class _Pair(NamedTuple):
    """Queries and keys in one block of memory, so that one copy copies both."""

    block: NDArray[Any]
    q: NDArray[Any]
    k: NDArray[Any]


def section(context: Context) -> Section:
    """Times beside a copy of the same arrays and beside NumPy's expression, errors against float64."""
    tables: list[Table] = []
    figures: dict[str, Any] = {}
    for tokens in TOKENS:
        table, found = _rotations(context, tokens)
        tables.append(table)
        figures |= found
    context.step("angles and pictures")
    table, found = _angle_table()
    tables.append(table)
    figures |= found
    coarse, fine = (figures[f"float16_{TOKENS[0]}_tokens_max_error{end}"] for end in ("_every_step_rounded", ""))
    text = [
        f"Queries and keys of the shape of Llama-3-8B's ({HEADS} + {KEY_HEADS} heads of {HEAD_DIM} lanes, base "
        f"{BASE:,.0f}) are rotated in place, {TOKENS[0]} tokens at once as for a prompt, and one as in generation. "
        "The copy (`np.copyto` of both) moves the same bytes and computes nothing; NumPy's expression is "
        "`fastops.reference.rope`.",
        _verdict(figures),
        "Errors are the largest against float64, of standard normal numbers. 16-bit numbers are rotated in float32 "
        f"and rounded once; with every step rounded to float16 the error would be {coarse / fine:.1f} times as large.",
    ]
    if not _has_bfloat16():
        text.append("bfloat16 is left out, ml_dtypes is not installed: `pip install 'fastops-kernels[lowp]'`")
    return Section("Rotary position embeddings", text, tables, [_decay(), _angles()], figures)


def _has_bfloat16() -> bool:
    return fastops.runtime_info()["ml_dtypes"] is not None


# ---- speed and error -----------------------------------------------------------------------------------------------


def _pair(tokens: int, dtype: Any) -> _Pair:
    rng = np.random.default_rng(2104)
    block = rng.standard_normal(tokens * (HEADS + KEY_HEADS) * HEAD_DIM, np.float32).astype(dtype)
    q, k = block[: tokens * HEADS * HEAD_DIM], block[tokens * HEADS * HEAD_DIM :]
    return _Pair(block, q.reshape(tokens, HEADS, HEAD_DIM), k.reshape(tokens, KEY_HEADS, HEAD_DIM))


def _tables(tokens: int, dtype: Any = np.float32) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cosines and sines of the last positions of the context, with an axis for the heads."""
    positions = np.arange(CONTEXT - tokens, CONTEXT)
    cos, sin = rope.table(positions, rope.frequencies(HEAD_DIM, base=BASE), dtype=dtype)
    return cos[:, None], sin[:, None]


def _rotations(context: Context, tokens: int) -> tuple[Table, dict[str, Any]]:
    one = tokens == 1  # too little work for a second thread, little enough for a call to weigh
    everyone = fastops.get_num_threads()
    counts = [everyone] if one else sorted({1, everyone})
    rows, figures = [], {}
    for name in ["float32", "float16", "bfloat16"] if _has_bfloat16() else ["float32", "float16"]:
        context.step(f"{counted(tokens, 'token')}, {name}")
        pair = _pair(tokens, np.dtype(name))
        error, every_step = _error(pair.k)
        figures[f"{name}_{tokens}_tokens_max_error"] = error
        figures[f"{name}_{tokens}_tokens_max_error_every_step_rounded"] = every_step
        calls = _calls(pair)
        for count in counts:
            with measure.threads(count):
                times = {call: timing.median for call, timing in measure.compare(calls, context.seconds).items()}
            ours, copy, expression = times["rotate_qk"], times["copy"], times["NumPy"]
            rate = 2 * pair.block.nbytes / ours
            extra = [times["Rotary"]] if one else [count, rate]
            rows.append([name, ours, *extra, copy, ours / copy, expression, ours / expression, error])
            key = f"{name}_{tokens}_tokens_threads_{count}"
            figures[f"{key}_seconds"] = ours
            figures[f"{key}_rotary_seconds"] = times["Rotary"]
            figures[f"{key}_bytes_per_second"] = rate
            figures[f"{key}_ratio_to_copy"] = ours / copy
            figures[f"{key}_ratio_to_numpy"] = ours / expression
    extra_columns = [Column("Rotary", "time")] if one else [Column("threads", "count"), Column("GB/s", "rate")]
    columns = [Column("dtype"), Column("rotate_qk", "time"), *extra_columns, Column("copy", "time")]
    columns += [Column("ratio", "ratio"), Column("NumPy", "time"), Column("ratio", "ratio"), Column("error", "error")]
    return Table("One token" if one else counted(tokens, "token"), columns, rows), figures


def _calls(pair: _Pair) -> dict[str, Any]:
    tokens = len(pair.q)
    cos, sin = _tables(tokens)
    rotary = rope.Rotary(HEAD_DIM, base=BASE)
    return {
        "rotate_qk": partial(rope.rotate_qk, pair.q, pair.k, cos, sin, out=(pair.q, pair.k)),
        "Rotary": partial(rotary, pair.q, pair.k, offset=CONTEXT - tokens, out=(pair.q, pair.k)),
        "copy": partial(np.copyto, np.empty_like(pair.block), pair.block),
        "NumPy": partial(reference.rotate_qk, pair.q, pair.k, cos, sin),
    }


def _error(x: NDArray[Any]) -> tuple[float, float]:
    """Largest error against float64, of ours and where every step is rounded to the dtype of x."""
    cos, sin = _tables(len(x))
    exact = reference.rotate(x.astype(np.float64), *_tables(len(x), np.float64))
    ours = rope.rotate(x, cos, sin).astype(np.float64)
    half = HEAD_DIM // 2
    first, second, c, s = x[..., :half], x[..., half:], cos.astype(x.dtype), sin.astype(x.dtype)
    steps = np.concatenate([first * c - second * s, second * c + first * s], axis=-1).astype(np.float64)
    return float(abs(ours - exact).max()), float(abs(steps - exact).max())


def _verdict(figures: dict[str, Any]) -> str:
    key = f"float32_{TOKENS[0]}_tokens_threads_{fastops.get_num_threads()}"
    single = figures[f"float32_1_tokens_threads_{fastops.get_num_threads()}_seconds"]
    return (
        f"Here {TOKENS[0]} tokens in float32 take {figures[f'{key}_ratio_to_copy']:.2f} times as long as the copy and "
        f"{figures[f'{key}_ratio_to_numpy']:.3f} times as long as NumPy's expression; one token takes "
        f"{single * 1e6:.2f} µs."
    )


# ---- pictures ------------------------------------------------------------------------------------------------------


def _decay() -> Picture:
    from . import pictures

    # Positions in bins that are even by their logarithms, up to 32 of a bin: a curve without the beat of its sampling.
    edges = np.unique(np.geomspace(1, 1 << 17, 8 * 17 + 1).round().astype(np.int64))
    bins = [np.unique(np.linspace(low, high, 32, endpoint=False).astype(np.int64)) for low, high in pairwise(edges)]
    places = [np.sqrt(low * high) for low, high in pairwise(edges)]
    starts = np.cumsum([0, *(len(positions) for positions in bins[:-1])])
    rng = np.random.default_rng(2104)
    q, k = rng.standard_normal((2, 16, HEAD_DIM), np.float32)
    ones = np.ones((1, HEAD_DIM), np.float32)

    def products(a: NDArray[Any], b: NDArray[Any], base: float = BASE) -> NDArray[Any]:
        """Mean over vectors and bins of |<R(p) a, b>| / (|a| |b|)."""
        positions = np.concatenate(bins)
        cos, sin = rope.table(positions, rope.frequencies(HEAD_DIM, base=base))
        rotated = rope.rotate(np.broadcast_to(a, (len(positions), *a.shape)), cos[:, None], sin[:, None])
        cosine = np.einsum("pvd,vd->pv", rotated, b) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        return np.add.reduceat(abs(cosine).mean(1), starts) / [len(positions) for positions in bins]

    def draw(axes: Any) -> None:
        axes.plot(places, products(ones, ones), color=pictures.OURS, label="constant, q = k")
        axes.plot(places, products(q, q), ".", color=pictures.INK, markersize=3, label="random, q = k")
        axes.plot(places, products(ones, ones, 1e4), color=pictures.OURS_TOO, label="constant, base 10,000")
        axes.plot(places, products(q, k), color=pictures.THEIRS, label="random, independent")
        axes.set(xscale="log", xlabel="relative position p", ylabel="mean |⟨R(p) q, k⟩| / (|q| |k|)", ylim=(0, 1))
        axes.legend(fontsize=9)

    return pictures.picture(
        "The decay with distance: scores of equal vectors fall as they move apart, the later the larger the base. "
        "Scores of independent vectors are small at any distance: rotation takes nothing from them.",
        draw,
    )


# ---- angles --------------------------------------------------------------------------------------------------------

_ANGLES: tuple[tuple[str, Any, Any], ...] = (
    ("angles in float32", "float32", np.float64),
    ("float32 table", "float64", np.float32),
    ("float64 table", "float64", np.float64),
)


def _angle_errors(positions: NDArray[np.int64], precision: Any, dtype: Any) -> NDArray[Any]:
    """Largest error over the pairs, in radians, of the angles that a table stands for."""
    cos, sin = (
        x.astype(np.longdouble)
        for x in rope.table(positions, rope.frequencies(HEAD_DIM, base=BASE, precision=precision), dtype=dtype)
    )
    exponents = -np.arange(0, HEAD_DIM, 2).astype(np.longdouble) / HEAD_DIM
    truth = positions.astype(np.longdouble)[:, None] * np.longdouble(BASE) ** exponents
    true_cos, true_sin = np.cos(truth), np.sin(truth)
    error = abs(np.arctan2(sin * true_cos - cos * true_sin, cos * true_cos + sin * true_sin))
    largest: NDArray[Any] = error.max(1).astype(np.float64)
    return largest


def _angle_table() -> tuple[Table, dict[str, Any]]:
    positions = 2 ** np.array([12, 17, 20, 24])
    # A few hundred positions up to each, as the error at one of them is a matter of luck.
    near = [np.arange(p - 256, p) for p in positions]
    errors = {label: [_angle_errors(n, precision, dtype).max() for n in near] for label, precision, dtype in _ANGLES}
    figures = {
        f"angle_error_{label.replace(' ', '_')}_at_{p}": float(error)
        for label, found in errors.items()
        for p, error in zip(positions, found, strict=True)
    }
    columns = [Column("positions up to", "count"), *(Column(label, "error") for label in errors)]
    rows = [[int(p), *map(float, found)] for p, *found in zip(positions, *errors.values(), strict=True)]
    return Table("Largest angle error, radians", columns, rows), figures


def _angles() -> Picture:
    from . import pictures

    positions = np.unique(np.geomspace(1, 1 << 24, 8 * 24 + 1).round().astype(np.int64))
    colours = (pictures.THEIRS, pictures.OURS, pictures.OURS_TOO)

    def draw(axes: Any) -> None:
        for (label, precision, dtype), colour in zip(_ANGLES, colours, strict=True):
            axes.plot(positions, _angle_errors(positions, precision, dtype), color=colour, label=label)
        axes.set(xscale="log", yscale="log", xlabel="position", ylabel="largest angle error, radians")
        axes.legend(fontsize=9)

    return pictures.picture(
        "Angles computed in float32, as most frameworks do, drift with the position. Tables of either type are "
        'computed from float64 angles here; `precision="float32"` repeats the frameworks.',
        draw,
    )
