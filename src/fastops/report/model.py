# SPDX-License-Identifier: BSD-3-Clause
"""A real Transformer on real text with Mitchell's products in every linear layer."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastops
from fastops import mitchell
from fastops.reference import mitchell as emulation

from . import Column, Context, Picture, Section, Table, measure
from .corpus import load_model, passages
from .format import counted

EMULATED_TOKENS = 16  # the emulation takes 1000 times as long


def section(context: Context) -> Section:
    """What Mitchell's products make of sentence embeddings, and what they cost."""
    model = load_model(context.model)
    texts = passages(24 if context.quick else 96)
    context.step("embeddings, exact and with Mitchell's products")
    exact = model.embed(texts)
    approximate = model.embed(texts, matmul=mitchell.matmul)
    agreement, figures = _agreement(exact, approximate)
    times, time_figures = _times(context, model, texts)
    figures |= time_figures
    text = [
        f"{model!r} reads {len(texts)} paragraphs of Python's language reference. Once its linear layers multiply "
        "exactly (`np.matmul`), once every product of them is Mitchell's (`mitchell.matmul`); everything else is the "
        "same.",
        f"The cosine of a paragraph's two embeddings is {figures['cosine_mean']:.4f} on average and "
        f"{figures['cosine_min']:.4f} at worst. Nearest neighbours stay the same for "
        f"{figures['same_neighbour']:.0%} of the paragraphs. Mitchell's products are too small by 3.8 % on average, so "
        "every linear layer also loses that much gain; a model that was trained or rescaled for them would do better.",
        f"With {counted(fastops.get_num_threads(), 'thread')} the forward pass takes "
        f"{figures['forward_ratio_to_numpy']:.2f} times as long as with `np.matmul`; the same products in NumPy take "
        f"{figures['emulation_ratio_to_ours']:.0f} times as long as ours.",
    ]
    return Section(
        "A real model with Mitchell's products", text, [agreement, times], [_picture(exact, approximate)], figures
    )


def _cosines(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    cosines: NDArray[Any] = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return cosines


def _similarities(x: NDArray[Any]) -> NDArray[Any]:
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    similarities: NDArray[Any] = unit @ unit.T
    return similarities


def _agreement(exact: NDArray[Any], approximate: NDArray[Any]) -> tuple[Table, dict[str, Any]]:
    cosines = _cosines(exact, approximate)
    before, after = _similarities(exact), _similarities(approximate)
    off = ~np.eye(len(exact), dtype=bool)
    neighbours = [np.where(off, s, -np.inf).argmax(axis=1) for s in (before, after)]
    figures = {
        "cosine_mean": float(cosines.mean()),
        "cosine_min": float(cosines.min()),
        "similarity_correlation": float(np.corrcoef(before[off], after[off])[0, 1]),
        "same_neighbour": float((neighbours[0] == neighbours[1]).mean()),
    }
    rows = [
        ["cosine of exact and approximate embedding, mean", f"{figures['cosine_mean']:.4f}"],
        ["the same, least", f"{figures['cosine_min']:.4f}"],
        ["correlation of all similarities between paragraphs", f"{figures['similarity_correlation']:.4f}"],
        ["nearest neighbour is the same", f"{figures['same_neighbour']:.1%}"],
    ]
    return Table("Embeddings, exact beside Mitchell", [Column("of embeddings"), Column("value")], rows), figures


def _times(context: Context, model: Any, texts: list[str]) -> tuple[Table, dict[str, Any]]:
    batch = _full_batch(model, texts, 8, 128)
    small = batch[:1, :EMULATED_TOKENS]
    calls = {
        "np.matmul": partial(model, batch),
        "mitchell.matmul": partial(model, batch, matmul=mitchell.matmul),
    }
    context.step("forward pass")
    times = measure.compare(calls, 2 * context.seconds, rest=measure.BLAS_REST)
    context.step("forward pass, emulated")
    few = measure.compare(
        {
            "np.matmul": partial(model, small),
            "mitchell.matmul": partial(model, small, matmul=mitchell.matmul),
            "emulation": partial(model, small, matmul=emulation.matmul),
        },
        context.seconds,
        rest=measure.BLAS_REST,
        rounds=1 if context.quick else 3,
    )
    ours = times["mitchell.matmul"].median
    figures = {
        "forward_tokens": batch.size,
        "forward_seconds": ours,
        "forward_numpy_seconds": times["np.matmul"].median,
        "forward_ratio_to_numpy": ours / times["np.matmul"].median,
        "emulation_tokens": small.size,
        "emulation_seconds": few["emulation"].median,
        "emulation_ratio_to_ours": few["emulation"].median / few["mitchell.matmul"].median,
    }
    rows = [
        [counted(batch.size, "token"), ours, times["np.matmul"].median, figures["forward_ratio_to_numpy"], None, None],
        [
            counted(small.size, "token"),
            few["mitchell.matmul"].median,
            few["np.matmul"].median,
            few["mitchell.matmul"].median / few["np.matmul"].median,
            few["emulation"].median,
            1 / figures["emulation_ratio_to_ours"],
        ],
    ]
    columns = [
        Column("forward pass"),
        Column("mitchell", "time"),
        Column("np.matmul", "time"),
        Column("ratio", "ratio"),
    ]
    columns += [Column("emulation", "time"), Column("ratio", "ratio")]
    title = "Time of a forward pass with each product in the linear layers (emulation: the same arithmetic in NumPy)"
    return Table(title, columns, rows), figures


def _full_batch(model: Any, texts: list[str], rows: int, length: int) -> NDArray[Any]:
    """Token ids without padding."""
    ids = [token for tokens in model.tokenize(texts) for token in tokens]
    return np.resize(np.array(ids), (rows, min(length, model.config.max_position_embeddings)))


def _picture(exact: NDArray[Any], approximate: NDArray[Any]) -> Picture:
    from . import pictures

    off = np.triu(np.ones((len(exact), len(exact)), bool), 1)

    def draw(axes: Any) -> None:
        before, after = _similarities(exact)[off], _similarities(approximate)[off]
        axes.plot(before, after, ".", markersize=2, alpha=0.4, color=pictures.OURS)
        axes.plot([before.min(), 1], [before.min(), 1], color=pictures.MUTED, linewidth=1)
        axes.set(xlabel="cosine of two paragraphs, exact", ylabel="with Mitchell's products")

    return pictures.picture("Similarities between paragraphs, exact and with Mitchell's products.", draw)
