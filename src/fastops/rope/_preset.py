# SPDX-License-Identifier: BSD-3-Clause
"""Rotary embeddings of several coordinates by the names of the models that have them."""

import numpy as np

from .._arguments import choice, even, integer, positive
from ._axes import axes_chunked, axes_grid, axes_interleaved
from ._frequencies import Frequencies, frequencies, frequencies_grid

_IMAGE = ("row", "column")
_VIDEO = ("frame", "row", "column")

# Two coordinates with the same frequencies: their order over the pairs, whether they alternate, layout, base.
_GRIDS = {
    "dinov3": (_IMAGE, False, "half", 100.0),
    "eva02": (_IMAGE, False, "interleaved", 10000.0),
    "gemma4_vision": (_IMAGE, False, "half", 100.0),
    "inkling2": (_IMAGE[::-1], False, "interleaved", 10000.0),
    "kimi_k25": (_IMAGE[::-1], True, "half", 10000.0),
    "llama4_vision": (_IMAGE[::-1], False, "interleaved", 10000.0),
    "qwen2_vl_vision": (_IMAGE, False, "half", 10000.0),
    "sam2": (_IMAGE, False, "interleaved", 10000.0),
    "step3p7": (_IMAGE[::-1], False, "half", 10000.0),
}
# The frequencies of one coordinate, dealt out in sections: how, layout, base, and the sections at the usual width.
_MROPE = {
    "ernie4_5_vl": ("height and width", "interleaved", 500000.0, (22, 22, 20)),
    "glm4v": ("chunks", "interleaved", 10000.0, (8, 12, 12)),
    "hunyuan_vl": ("lanes", "half", 10000.0, (16, 16, 16, 16)),
    "qwen2_vl": ("chunks", "half", 1000000.0, (16, 24, 24)),
    "qwen3_vl": ("turns", "half", 500000.0, (24, 20, 20)),
}
_VIDEOS = ("cogvideox", "flux", "minimax_m3_vl", "vjepa2", "wan")
_NAMES = tuple(sorted([*_GRIDS, *_MROPE, *_VIDEOS, "neomme", "pixtral"]))


class Preset:
    """What `preset` returns: how a model rotates by positions of several coordinates.

    Attributes
    ----------
    frequencies : Frequencies
        For `table`.
    axes : ndarray of int
        For `table`.
    layout : {"half", "interleaved"}
        For `rotate`.
    order : tuple of str
        What the coordinates in the last axis of the positions are; for `positions_grid` where it is an image or video.
    blocks : int
        Where it is 2, each half of the lanes is rotated by a call of its own, with its half of the tables.
    full_width : bool
        For `rotate`: tables have an entry for each lane, and the map need not be a rotation.
    """

    __module__ = "fastops.rope"
    __slots__ = ("axes", "blocks", "frequencies", "full_width", "layout", "order")

    def __init__(self, frequencies, axes, layout, order, *, blocks=1, full_width=False):
        self.frequencies, self.axes, self.layout, self.order = frequencies, axes, layout, order
        self.blocks, self.full_width = blocks, full_width

    def __repr__(self):
        return f"Preset({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


def preset(name, rotary_dim, *, base=None, sections=None, precision="float64"):
    """Return how a model rotates by positions of several coordinates: frequencies, axes, layout.

    Parameters
    ----------
    name : str
        Of images: "dinov3", "eva02", "gemma4_vision", "inkling2", "kimi_k25", "llama4_vision", "neomme", "pixtral",
        "qwen2_vl_vision" (also Qwen2.5-VL, Qwen3-VL, GLM-4V, ERNIE 4.5 VL), "sam2", "step3p7". Of videos: "cogvideox",
        "flux" (whose first coordinate is not used), "minimax_m3_vl", "vjepa2", "wan". Of text with images (M-RoPE):
        "ernie4_5_vl", "glm4v", "hunyuan_vl", "qwen2_vl", "qwen3_vl".
    rotary_dim : int
        Lanes of a head; of text models those that are rotated.
    base : float, optional
        By default the model's.
    sections : sequence of int, optional
        Pairs of each coordinate, for M-RoPE: the configuration's `mrope_section`, in its order. Default: the model's
        at its usual width.
    precision : {"float64", "float32"}
        As for `frequencies`.

    Returns
    -------
    Preset

    Raises
    ------
    TypeError
        If a number is of another type.
    ValueError
        If the name is unknown, or `rotary_dim` does not fit.

    Notes
    -----
    Coordinates: Llama 4's vision part begins with 1 (``start=1``), its last token has (0, 0). DINOv3's are centered.
    EVA-02 stretches them to the grid of the training. Text tokens have equal coordinates and the bits of the
    one-dimensional embedding, but in "hunyuan_vl". "hunyuan_vl" and "vjepa2" have different angles in the two lanes of
    a pair (`full_width`): the norm is not kept, and checkpoints depend on it.

    Sources: the models' code in Hugging Face transformers 5.23 and diffusers 0.42; M. Fang et al., EVA-02 (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import rope
    >>> vision = rope.preset("qwen2_vl_vision", 8)
    >>> cos, sin = rope.table(rope.positions_grid(2, 3, order=vision.order), vision.frequencies, axes=vision.axes)
    >>> x = np.ones((6, 16, 8), np.float32)
    >>> rope.rotate(x, cos[:, None], sin[:, None], layout=vision.layout).shape
    (6, 16, 8)
    """
    choice("name", name, _NAMES)
    dim = even("rotary_dim", rotary_dim)
    if sections is not None and name not in _MROPE:
        raise ValueError(f"sections must not be given for {name!r}")
    if name in _GRIDS:
        return _grid(name, dim, base, precision)
    base = _MROPE[name][2] if base is None and name in _MROPE else 10000.0 if base is None else positive("base", base)
    if name in _MROPE:
        return _mrope(name, dim, base, sections, precision)
    if name in _VIDEOS:
        return _video(name, dim, base, precision)
    ladder = frequencies(dim, base=base, precision=precision)
    if dim % 4:
        raise ValueError(f"rotary_dim must be a multiple of 4 for {name!r}, got {dim}")
    if name == "neomme":
        return Preset(ladder, axes_grid(dim // 2, alternating=True), "half", _IMAGE)
    ladder.inverse = np.concatenate([ladder.inverse[0::2], ladder.inverse[1::2]])  # Pixtral's
    return Preset(ladder, axes_grid(dim // 2), "half", _IMAGE)


def _grid(name, dim, base, precision):
    order, alternating, layout, default = _GRIDS[name]
    if dim % 4:
        raise ValueError(f"rotary_dim must be a multiple of 4 for {name!r}, got {dim}")
    found = frequencies_grid([dim // 2] * 2, base=default if base is None else base, precision=precision)
    if alternating:
        found.inverse = np.repeat(found.inverse[: dim // 4], 2)
    if name == "dinov3":
        found.inverse = found.inverse * found.inverse.dtype.type(2 * np.pi)  # of coordinates from -1 to 1
    axes = axes_grid(dim // 2, order, alternating=alternating)
    return Preset(found, axes, layout, _IMAGE, blocks=2 if name == "gemma4_vision" else 1)


def _mrope(name, dim, base, sections, precision):
    dealt, layout, _, default = _MROPE[name]
    sections = [integer("sections", n, 0) for n in (default if sections is None else sections)]
    if sum(sections) != dim // 2:
        raise ValueError(f"sections must have rotary_dim / 2 = {dim // 2} pairs, got {sections}")
    found = frequencies(dim, base=base, precision=precision)
    order = ("time", "row", "column")
    if dealt == "lanes":  # chunks of both lanes of all pairs, one after the other
        found.inverse = np.tile(found.inverse, 2)
        axes = axes_chunked([2 * n for n in sections])
        return Preset(found, axes, layout, tuple(f"axis {a}" for a in range(len(sections))), full_width=True)
    if len(sections) != 3:
        raise ValueError(f"sections must have three numbers for {name!r}, got {sections}")
    if dealt == "chunks":
        axes = axes_chunked(sections)
    elif dealt == "turns":
        axes = axes_interleaved(sections)
    else:
        rows, columns, times = sections
        if rows != columns:
            raise ValueError(f"sections must begin with two equal numbers for {name!r}, got {sections}")
        axes = np.concatenate([np.tile([1, 2], rows), np.zeros(times, np.int64)])
    return Preset(found, axes, layout, order)


def _video(name, dim, base, precision):
    third = 2 * (dim // 6)
    dims = {
        "cogvideox": [dim // 4, 3 * dim // 8, 3 * dim // 8],
        "flux": [dim // 8, 7 * dim // 16, 7 * dim // 16],
        "wan": [dim - 2 * third, third, third],
    }.get(name, [third] * 3)
    if name in ("cogvideox", "flux") and dim % 16:
        raise ValueError(f"rotary_dim must be a multiple of 16 for {name!r}, got {dim}")
    found = frequencies_grid(dims, base=base, precision=precision)
    axes = axes_chunked([n // 2 for n in dims])
    if name == "vjepa2":  # frequencies repeated over the lanes of a part, where its pairs are neighbours
        found = Frequencies(np.tile(found.inverse[: third // 2], 6))
        return Preset(found, np.repeat(np.arange(3), third), "interleaved", _VIDEO, full_width=True)
    return Preset(found, axes, "half" if name == "minimax_m3_vl" else "interleaved", _VIDEO)
