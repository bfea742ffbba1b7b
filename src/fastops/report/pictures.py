# SPDX-License-Identifier: BSD-3-Clause
"""Pictures for a page: matplotlib figures as svg elements whose colours are the page's, in its light and dark dress."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from . import Picture

__all__ = ["INK", "MUTED", "OURS", "OURS_TOO", "THEIRS", "picture"]

# Colours to draw with, and the variables of the page (see `html`) that stand in their place there.
INK = "#1d2733"
MUTED = "#69707a"
GRID = "#d9dee5"
OURS = "#0b6bcb"
OURS_TOO = "#0f8a5f"
THEIRS = "#c2570c"
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "line",
    OURS: "ours",
    OURS_TOO: "ours-too",
    THEIRS: "theirs",
}

_STYLE: Any = {
    "font.size": 10.5,
    "axes.titlesize": 10.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.transparent": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "fastops",
}

_numbers = count(1)


def picture(caption: str, draw: Callable[[Any], None], size: tuple[float, float] = (4.9, 3.5)) -> Picture:
    """Let draw(axes) draw, and return it as a picture. Sizes are in inches at 72 pixels: near 5 wide suits a phone."""
    with _figure(size) as figure:
        draw(figure.add_subplot())
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return Picture(caption, _for_page(text.getvalue(), f"p{next(_numbers)}-"))


@contextmanager
def _figure(size: tuple[float, float]) -> Iterator[Any]:
    import matplotlib
    from matplotlib.figure import Figure  # not pyplot: nothing of the process is changed, no window system is asked

    with matplotlib.rc_context(_STYLE):
        yield Figure(figsize=size, layout="constrained")


def _for_page(svg: str, prefix: str) -> str:
    """The svg element alone: identifiers made unique among pictures, the page's colours, scaled to its box."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", svg)
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', r'<svg \1 role="img">', svg, count=1)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return svg
