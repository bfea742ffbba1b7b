# SPDX-License-Identifier: BSD-3-Clause
"""Mitchell's products and quotients: how wrong, how fast, and what they make of a model."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import fastops
from fastops import mitchell
from fastops.reference import mitchell as emulation

from . import Column, Context, Picture, Section, Table, measure, products
from .format import counted

SIZES = (10_000, 10_000_000)


class _Operation(NamedTuple):
    name: str
    ours: Any
    exact: Any
    emulation: Any
    theory: tuple[float, float, float, float, float]  # min, mean, mean of absolute, rms, max


# The least and the largest follow from the definition. The means are integrals over all pairs of fractions, taken with
# the midpoint rule on 4096 x 4096 points.
_OPERATIONS = (
    _Operation(
        "multiply", mitchell.multiply, np.multiply, emulation.multiply, (-1 / 9, -0.038488, 0.038488, 0.048420, 0.0)
    ),
    _Operation("divide", mitchell.divide, np.divide, emulation.divide, (0.0, 0.041018, 0.041018, 0.052268, 1 / 8)),
)

# Bits of the fraction, where all pairs of fractions can be tried.
_SMALL = {"float16": 10, "bfloat16": 7, "float8_e4m3fn": 3, "float8_e5m2": 2}


def section(context: Context) -> Section:
    """Errors over all pairs of significands, a model with each product, and times of arrays beside NumPy."""
    context.step("errors")
    cells = 512 if context.quick else 1024
    errors, figures = _errors(cells)
    speeds, speed_figures = _speeds(context)
    model_tables, model_text, model_figures = products.compare_models(context)
    context.step("pictures")
    text = [
        "A product or quotient by adding or subtracting bit patterns as if they were logarithms (Mitchell, 1962). "
        "Products are never too large and at most 1/9 too small, quotients never too small and at most 1/8 too "
        "large, in every format; where an operand is a power of two, products are exact.",
        _verdict(speed_figures),
        *model_text,
    ]
    if not _formats("bfloat16"):
        text.append(
            "bfloat16 and float8 are left out, ml_dtypes is not installed: `pip install 'fastops-kernels[lowp]'`"
        )
    pairs = _significands(np.dtype(np.float32), cells)
    pictures = [_histogram(*pairs), products.histogram(*pairs, _SIZE)]
    pictures += [_map(operation) for operation in _OPERATIONS]
    figures |= speed_figures | model_figures
    return Section("Mitchell's arithmetic", text, [*errors, *model_tables, speeds], pictures, figures)


# ---- errors --------------------------------------------------------------------------------------------------------


def _formats(*names: str) -> dict[str, np.dtype[Any]]:
    """The dtypes of those names which this installation has."""
    found = {}
    for name in names:
        try:
            found[name] = np.dtype(name)
        except TypeError:
            continue
    return found


def _significands(dtype: np.dtype[Any], cells: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pairs in [1, 2): all of a small format, otherwise one at random in each of cells x cells squares."""
    bits = _SMALL.get(dtype.name)
    if bits is not None:
        x = (1 + np.arange(1 << bits) / (1 << bits)).astype(dtype)
        return x[:, None], x
    rng = np.random.default_rng(1962)
    edges = np.arange(cells) / cells
    x, y = (np.minimum(1 + edges + rng.random((cells, cells)) / cells, 2 - 2.0**-23).astype(dtype) for _ in range(2))
    return x.T, y


def _relative_error(operation: _Operation, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    wide = operation.exact(x.astype(np.float64), y.astype(np.float64))
    error: NDArray[np.float64] = operation.ours(x, y).astype(np.float64) / wide - 1.0
    return error


def _errors(cells: int) -> tuple[list[Table], dict[str, Any]]:
    tables, figures = [], {}
    statistics = ("min", "mean", "mean absolute", "rms", "max")
    columns = [
        Column("dtype"),
        Column("pairs", "count"),
        *(Column(name, "percent") for name in statistics),
    ]
    for operation in _OPERATIONS:
        rows: list[list[Any]] = [["theory", None, *operation.theory]]
        for name, dtype in _formats("float64", "float32", *_SMALL).items():
            error = _relative_error(operation, *_significands(dtype, cells))
            found = [
                float(x)
                for x in (error.min(), error.mean(), abs(error).mean(), np.sqrt((error * error).mean()), error.max())
            ]
            rows.append([f"{name}{', all' if name in _SMALL else ''}", error.size, *found])
            for statistic, x in zip(statistics, found, strict=True):
                figures[f"{operation.name}_{name}_{statistic.replace(' ', '_')}"] = x
        title = f"Relative error of `mitchell.{operation.name}` over pairs of significands in [1, 2)"
        tables.append(Table(title, columns, rows))
    return tables, figures


# ---- speed ---------------------------------------------------------------------------------------------------------


def _speeds(context: Context) -> tuple[Table, dict[str, Any]]:
    rows, figures = [], {}
    rng = np.random.default_rng(1962)
    counts = sorted({1, fastops.get_num_threads()})
    for operation in _OPERATIONS:
        for n in SIZES:
            x, y = rng.standard_normal((2, n), np.float32)
            out = np.empty_like(x)
            calls = {
                "ours": partial(operation.ours, x, y, out),
                "numpy": partial(operation.exact, x, y, out),
                "emulation": partial(operation.emulation, x, y),
            }
            for count in counts:
                context.step(f"{operation.name}, {counted(n, 'number')}, {counted(count, 'thread')}")
                few = 1 if context.quick and n == SIZES[-1] else None  # the emulation alone takes 0.1 s
                with measure.threads(count):
                    compared = measure.compare(calls, context.seconds, rounds=few)
                times = {name: t.median for name, t in compared.items()}
                rate = 3 * x.nbytes / times["ours"]
                to_numpy, to_emulation = times["ours"] / times["numpy"], times["ours"] / times["emulation"]
                row = [operation.name, n, count, times["ours"], rate, times["numpy"], to_numpy]
                rows.append([*row, times["emulation"], to_emulation])
                key = f"{operation.name}_float32_{n}_threads_{count}"
                figures[f"{key}_seconds"] = times["ours"]
                figures[f"{key}_bytes_per_second"] = rate
                figures[f"{key}_ratio_to_numpy"] = to_numpy
                figures[f"{key}_ratio_to_emulation"] = to_emulation
    columns = [Column("float32"), Column("numbers", "count"), Column("threads", "count"), Column("ours", "time")]
    columns += [Column("GB/s", "rate"), Column("NumPy", "time"), Column("ratio", "ratio")]
    columns += [Column("emulation", "time"), Column("ratio", "ratio")]
    title = "Time with `out=`, beside NumPy's exact operation and beside the same arithmetic in NumPy (emulation)"
    return Table(title, columns, rows), figures


def _verdict(figures: dict[str, Any]) -> str:
    key = f"multiply_float32_{SIZES[-1]}_threads_{fastops.get_num_threads()}_ratio_to"
    return (
        f"With {counted(fastops.get_num_threads(), 'thread')}, {SIZES[-1]:,} products in float32 take "
        f"{figures[f'{key}_numpy']:.2f} times as long as `np.multiply` and {figures[f'{key}_emulation']:.3f} times as "
        "long as the same arithmetic written in NumPy. Arrays of this size are bound by memory; nothing here is faster "
        "than a processor's own multiplication, it is meant to study what approximate hardware would compute."
    )


# ---- pictures ------------------------------------------------------------------------------------------------------

_SIZE = (4.2, 3.3)  # inches; three in a row, or two


def _histogram(x: NDArray[Any], y: NDArray[Any]) -> Picture:
    from . import pictures

    def draw(axes: Any) -> None:
        bins = np.linspace(-12, 13, 201)
        for operation, colour in zip(_OPERATIONS, (pictures.OURS, pictures.THEIRS), strict=True):
            error = 100 * _relative_error(operation, x, y)
            axes.hist(error.ravel(), bins, density=True, histtype="stepfilled", color=colour, alpha=0.3)
            axes.hist(error.ravel(), bins, density=True, histtype="step", color=colour)
            label = f"{operation.name},\nmean {error.mean():+.2f} %"
            axes.axvline(error.mean(), color=colour, linestyle="--", label=label)
        axes.set(xlabel="relative error, %", ylabel="density per %", xlim=(-12, 13))
        axes.legend(fontsize=9)

    return pictures.picture("How often which error occurs, over uniform significands (float32).", draw, _SIZE)


def _map(operation: _Operation) -> Picture:
    from . import pictures

    side = 256
    middle = (1 + (np.arange(side) + 0.5) / side).astype(np.float32)
    error = 100 * _relative_error(operation, middle, middle[:, None])  # rows are y
    low, high = 100 * operation.theory[0], 100 * operation.theory[-1]

    def draw(axes: Any) -> None:
        image = axes.imshow(
            error,
            origin="lower",
            extent=(1, 2, 1, 2),
            cmap="viridis" if high > 0 else "viridis_r",
            vmin=low,
            vmax=high,
        )
        levels = np.arange(-10, 0, 2) if low < 0 else np.arange(2, 13, 2)
        lines = axes.contour(middle, middle, error, levels, colors="white", linewidths=0.7, linestyles="solid")
        axes.grid(False)
        axes.set(xlabel="significand of x", ylabel="significand of y")
        axes.figure.colorbar(image, ax=axes, label="relative error, %").add_lines(lines)

    sign = "x y" if operation.name == "multiply" else "x / y"
    return pictures.picture(f"Relative error of `{operation.name}(x, y)` beside {sign}.", draw, _SIZE)
