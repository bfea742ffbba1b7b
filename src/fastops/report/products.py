# SPDX-License-Identifier: BSD-3-Clause
"""Every product of `fastops.mitchell`: how its errors spread, and what they make of a real model."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastops import mitchell

from . import Column, Context, Missing, Picture, Table
from .corpus import load_model, windows

__all__ = ["compare_models", "histogram"]

_OFFSET = 0.0566234  # without bias
_TOKENS = 128  # of a row: with more, attention would take most of the time

_Product = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]


def _products() -> dict[str, _Product]:
    return {
        "mitchell": mitchell.multiply,
        "offset": lambda x, y: mitchell.multiply_offset(x, y, np.float32(_OFFSET)),
        "lmul": mitchell.multiply_lmul,
        "mbm": mitchell.multiply_mbm,
        "realm": mitchell.multiply_realm,
    }


def _matmuls() -> dict[str, _Product]:
    return {
        "mitchell": mitchell.matmul,
        "offset": partial(mitchell.matmul, method="offset", offset=_OFFSET),
        "lmul": partial(mitchell.matmul, method="lmul"),
        "mbm": partial(mitchell.matmul, method="mbm"),
    }


def histogram(x: NDArray[Any], y: NDArray[Any], size: tuple[float, float]) -> Picture:
    """How often which error occurs in the products of significands."""
    from . import pictures

    exact = x.astype(np.float64) * y
    colours = (pictures.OURS, pictures.OURS_TOO, pictures.THEIRS, pictures.MUTED, pictures.INK)

    def draw(axes: Any) -> None:
        bins = np.linspace(-12, 8, 201)
        for (name, product), colour in zip(_products().items(), colours, strict=True):
            error = 100 * (product(x, y) / exact - 1)
            label = f"{name}, {error.mean():+.2f} ± {error.std():.2f} %"
            axes.hist(error.ravel(), bins, density=True, histtype="step", color=colour, label=label)
        # The errors of realm are five times as dense as the others.
        axes.set(xlabel="relative error, %", ylabel="density per %", xlim=(-12, 8), ylim=(0, 0.4))
        axes.legend(fontsize=8)

    return pictures.picture("Relative errors of the products, over uniform significands (float32).", draw, size)


class _Measured:
    """A product of matrices that also finds, from every 8th row, the factor that brings it nearest to the exact one."""

    def __init__(self, matmul: _Product) -> None:
        self._matmul = matmul
        self._along, self._square = 0.0, 0.0

    def __call__(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        ours = self._matmul(a, b)
        some = ours[::8]
        self._along += float(np.vdot(some, a[::8] @ b))
        self._square += float(np.vdot(some, some))
        return ours

    @property
    def gain(self) -> float:
        return self._along / self._square


def _scaled(matmul: _Product, gain: float, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    product = matmul(a, b)
    product *= product.dtype.type(gain)
    return product


def compare_models(context: Context) -> tuple[list[Table], list[str], dict[str, Any]]:
    """A model's hidden states with each product in its linear layers, beside the exact ones: tables, text, figures."""
    try:
        model = load_model(context.model)
    except Missing as missing:
        return [], [f"What the products make of a real model is left out: {missing}."], {}
    ids = windows(model, 1 if context.quick else 4)[:, :_TOKENS]
    exact = model(ids)
    rows: list[list[Any]] = []
    figures: dict[str, Any] = {}
    for name, matmul in _matmuls().items():
        context.step(f"a model with {name}")
        measured = _Measured(matmul)
        errors = [_error(model(ids, matmul=measured), exact)]
        errors.append(_error(model(ids, matmul=partial(_scaled, matmul, measured.gain)), exact))
        rows.append([name, f"{measured.gain:.4f}", *errors])
        keys = (f"hidden_{name}_gain", f"hidden_{name}_error", f"hidden_{name}_error_with_gain")
        figures |= dict(zip(keys, (measured.gain, *errors), strict=True))
    columns = [Column("product"), Column("best gain"), Column("error", "percent"), Column("with gain", "percent")]
    title = f"Hidden states of {model!r} on {ids.size:,} tokens, relative to the exact ones"
    wrong, less_wrong = figures["hidden_mitchell_error"], figures["hidden_mitchell_error_with_gain"]
    text = (
        "Most of what Mitchell's products do to a sum is to make it smaller, by a factor of "
        f"{1 / figures['hidden_mitchell_gain']:.3f} in the linear layers of a real model. Multiplied by the one "
        "constant that brings their results nearest to the exact ones, its hidden states are wrong by "
        f"{less_wrong:.1%} instead of {wrong:.1%}."
    )
    return [Table(title, columns, rows)], [text], figures


def _error(approximate: NDArray[Any], exact: NDArray[Any]) -> float:
    return float(np.linalg.norm(approximate - exact) / np.linalg.norm(exact))
