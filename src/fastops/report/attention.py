# SPDX-License-Identifier: BSD-3-Clause
"""Attention by random features on a real model's queries, keys and values: how wrong, how fast, and from where on."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastops
from fastops.attention import RandomFeatures, random_feature_attention, softmax_attention

from . import Column, Context, Picture, Section, Table, measure
from .corpus import load_model, windows
from .format import counted

FEATURES = (64, 128, 256, 512, 1024)
TIMED_FEATURES = 256
SEEDS = 3
Array = NDArray[Any]


def section(context: Context) -> Section:
    """Errors beside that of the uniform mean of the values, times beside exact attention."""
    model = load_model(context.model)
    lengths = [512, 1024, 2048, 4096] + ([] if context.quick else [8192, 16384])
    context.step("queries, keys and values of the text")
    rows = windows(model, max(1, lengths[-1] // model.config.max_position_embeddings))
    layers = range(0, model.config.num_hidden_layers, 2 if context.quick else 1)
    errors, figures, curves = _errors(context, model, rows[: 2048 // rows.shape[1]], layers)
    times, time_figures, series = _times(
        context, _joined(model.qkv(model.config.num_hidden_layers // 2, rows)), lengths
    )
    figures |= time_figures
    crossover = figures["crossover_tokens"]
    best = min(figures[f"layer_{layer}_error_{FEATURES[-1]}"] / figures[f"layer_{layer}_uniform"] for layer in layers)
    text = [
        f"The queries, keys and values that {model!r} makes of the language reference ({len(rows)} windows of "
        f"{rows.shape[1]} tokens, taken together) go through `random_feature_attention` (positive orthogonal features) "
        "and through exact attention.",
        "Errors are relative to the exact output's norm. They stand beside the error of the plain mean of all values, "
        "which attends to nothing: features that do not beat it are of no use. "
        + (
            f"With {FEATURES[-1]} features the best layer reaches {best:.2f} times that error."
            if best < 1
            else f"Here no layer beats it, even with {FEATURES[-1]} features: a trained model's attention is too sharp "
            "for features that are drawn blindly."
        ),
        f"Time grows with n instead of n^2: with {TIMED_FEATURES} features and "
        f"{counted(fastops.get_num_threads(), 'thread')}, "
        + (f"from about {crossover:,.0f} tokens on" if crossover else "at none of these lengths")
        + " it is faster than exact attention, our own kernel too.",
    ]
    pictures = [_error_picture(curves), _time_picture(lengths, series, crossover)]
    return Section("Attention by random features on a real model", text, [errors, times], pictures, figures)


def _joined(qkv: tuple[Array, ...]) -> tuple[Array, ...]:
    """(windows, heads, tokens, lanes) as one sequence, (heads, windows * tokens, lanes)."""
    return tuple(np.ascontiguousarray(x.swapaxes(0, 1).reshape(x.shape[1], -1, x.shape[3])) for x in qkv)


def _relative(x: Array, exact: Array) -> float:
    return float(np.linalg.norm(x.astype(np.float64) - exact) / np.linalg.norm(exact))


def _errors(
    context: Context, model: Any, rows: Array, layers: range
) -> tuple[Table, dict[str, Any], dict[int, tuple[list[float], float]]]:
    table_rows, figures, curves = [], {}, {}
    for layer in layers:
        context.step(f"errors of layer {layer}")
        q, k, v = _joined(model.qkv(layer, rows))
        exact = softmax_attention(q, k, v).astype(np.float64)
        uniform = _relative(np.broadcast_to(v.mean(axis=1, keepdims=True), v.shape), exact)
        errors = []
        for m in FEATURES:
            maps = [RandomFeatures(q.shape[-1], m, seed=[m, seed]) for seed in range(SEEDS)]
            errors.append(float(np.mean([_relative(random_feature_attention(q, k, v, f), exact) for f in maps])))
            figures[f"layer_{layer}_error_{m}"] = errors[-1]
        figures[f"layer_{layer}_uniform"] = uniform
        curves[layer] = errors, uniform
        table_rows.append([str(layer), *errors, uniform])
    columns = [Column("layer"), *(Column(f"m = {m}", "percent") for m in FEATURES), Column("mean of v", "percent")]
    title = (
        f"Relative error for {counted(rows.size, 'token')}, by the number of features m (mean of {SEEDS} draws), and "
        "that of the mean of v"
    )
    return Table(title, columns, table_rows), figures, curves


def _times(
    context: Context, qkv: tuple[Array, ...], lengths: list[int]
) -> tuple[Table, dict[str, Any], dict[str, list[float]]]:
    features = RandomFeatures(qkv[0].shape[-1], TIMED_FEATURES, seed=1)
    series: dict[str, list[float]] = {"features": [], "exact": []}
    rows: list[list[Any]] = []
    figures: dict[str, Any] = {}
    for n in lengths:
        context.step(f"times of {counted(n, 'token')}")
        q, k, v = (x[:, :n] for x in qkv)
        out = np.empty(v.shape, v.dtype)
        calls = {
            "features": partial(random_feature_attention, q, k, v, features, out=out),
            "exact": partial(softmax_attention, q, k, v, out=out),
        }
        times = measure.compare(calls, context.seconds, rounds=1 if n > 4096 else None)
        for name, timing in times.items():
            series[name].append(timing.median)
            figures[f"{name}_{n}_tokens_seconds"] = timing.median
        rows.append(
            [n, times["features"].median, times["exact"].median, times["features"].median / times["exact"].median]
        )
    figures["crossover_tokens"] = _crossover(lengths, series)
    columns = [Column("tokens", "count"), Column("features", "time"), Column("exact", "time"), Column("ratio", "ratio")]
    title = f"Time of {len(qkv[0])} heads of {qkv[0].shape[-1]} lanes with {TIMED_FEATURES} features, and exactly"
    return Table(title, columns, rows), figures, series


def _crossover(lengths: list[int], series: dict[str, list[float]]) -> float | None:
    """Where the two times meet, on a straight line of logarithms; None where features never win."""
    logs = np.log(np.array(series["features"]) / np.array(series["exact"]))
    winning = np.flatnonzero(logs < 0)
    if not len(winning):
        return None
    i = int(winning[0])
    if i == 0:
        return float(lengths[0])
    part = logs[i - 1] / (logs[i - 1] - logs[i])
    return float(lengths[i - 1] * (lengths[i] / lengths[i - 1]) ** part)


def _error_picture(curves: dict[int, tuple[list[float], float]]) -> Picture:
    from . import pictures

    def draw(axes: Any) -> None:
        shown = sorted(curves)[:: max(1, len(curves) // 3)][:3]
        for colour, layer in zip((pictures.OURS, pictures.OURS_TOO, pictures.THEIRS), shown, strict=False):
            errors, uniform = curves[layer]
            axes.plot(FEATURES, errors, "o-", color=colour, label=f"layer {layer}")
            axes.axhline(uniform, color=colour, linestyle="--", linewidth=1)
        axes.set(xscale="log", yscale="log", xlabel="features", ylabel="relative error", xticks=FEATURES)
        axes.set_xticklabels([str(m) for m in FEATURES])
        axes.minorticks_off()
        axes.legend(fontsize=9)

    return pictures.picture("Error against the number of features; dashed: of the plain mean of v.", draw)


def _time_picture(lengths: list[int], series: dict[str, list[float]], crossover: float | None) -> Picture:
    from . import pictures

    def draw(axes: Any) -> None:
        axes.plot(lengths, series["exact"], "o-", color=pictures.THEIRS, label="exact")
        axes.plot(lengths, series["features"], "o-", color=pictures.OURS, label=f"{TIMED_FEATURES} random features")
        if crossover:
            axes.axvline(crossover, color=pictures.MUTED, linestyle=":", label=f"equal at {crossover:,.0f} tokens")
        axes.set(xscale="log", yscale="log", xlabel="tokens", ylabel="seconds")
        axes.legend(fontsize=9)

    return pictures.picture("Time against the number of tokens.", draw)
