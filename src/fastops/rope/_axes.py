# SPDX-License-Identifier: BSD-3-Clause
"""Positions of several coordinates, and which coordinate turns which pair."""

import numpy as np

from .._arguments import choice, integer, integers


def _sections(sections):
    found = [integer("sections", section, 0) for section in sections]
    if not found:
        raise ValueError("sections must have a number for each coordinate, got none")
    return found


def axes_chunked(sections):
    """Return the axes of a rotary embedding whose pairs are dealt out in chunks, coordinate after coordinate.

    Parameters
    ----------
    sections : sequence of int
        How many pairs each coordinate has.

    Returns
    -------
    ndarray of int, shape (sum of sections,)
        The coordinate of each pair.

    Raises
    ------
    TypeError, ValueError
        If a section is no integer or negative, or there are none.

    Notes
    -----
    M-RoPE of Qwen2-VL has sections [16, 24, 24] of time, row and column, GLM-4V's [8, 12, 12]; Flux has [8, 28, 28].
    Source: P. Wang et al., Qwen2-VL (2024).

    Examples
    --------
    >>> from fastops import rope
    >>> rope.axes_chunked([1, 2, 2])
    array([0, 1, 1, 2, 2])
    """
    found = _sections(sections)
    return np.repeat(np.arange(len(found)), found)


def axes_interleaved(sections):
    """Return the axes of a rotary embedding whose coordinates take turns as long as their sections last.

    Parameters
    ----------
    sections : sequence of int
        How many pairs each coordinate has. The first one takes what the others leave.

    Returns
    -------
    ndarray of int, shape (sum of sections,)
        The coordinate of each pair.

    Raises
    ------
    TypeError, ValueError
        If a section is no integer or negative, or the turns do not fit into the pairs.

    Notes
    -----
    M-RoPE of Qwen3-VL has sections [24, 20, 20] of time, row and column: pair i is turned by coordinate i mod 3, if
    i < 3 times its section, and by time otherwise. Source: Qwen3-VL Technical Report (2025).

    Examples
    --------
    >>> from fastops import rope
    >>> rope.axes_interleaved([4, 2, 2])
    array([0, 1, 2, 0, 1, 2, 0, 0])
    """
    found = _sections(sections)
    pair = np.arange(sum(found))
    turn = pair % len(found)
    axes = np.where(pair < len(found) * np.array(found)[turn], turn, 0)
    counts = np.bincount(axes, minlength=len(found)).tolist()
    if counts != found:
        raise ValueError(f"sections = {found} cannot take turns: the pairs would be {counts}")
    return axes


def axes_grid(pairs, order=("row", "column"), *, coordinates=("row", "column"), alternating=False):
    """Return the axes of a grid's rotary embedding: the same number of pairs for each coordinate.

    Parameters
    ----------
    pairs : int
        rotary_dim / 2, a multiple of the number of coordinates.
    order : sequence of str
        The coordinates by name, in the order in which pairs take them.
    coordinates : sequence of str
        Their order in the last axis of the positions, as in `positions_grid`.
    alternating : bool
        Whether neighbouring pairs take the coordinates in turn, instead of in chunks.

    Returns
    -------
    ndarray of int, shape (pairs,)
        The coordinate of each pair.

    Raises
    ------
    TypeError
        If `pairs` is not an integer.
    ValueError
        If `pairs` is not such a multiple, or `order` and `coordinates` have not the same names, each once.

    Notes
    -----
    Source: J. Su, Transformer upgrades 4 (2-D RoPE, kexue.fm 8397, 2021).

    Examples
    --------
    >>> from fastops import rope
    >>> rope.axes_grid(4)
    array([0, 0, 1, 1])
    >>> rope.axes_grid(4, ("column", "row"), alternating=True)
    array([1, 0, 1, 0])
    """
    pairs, order, coordinates = integer("pairs", pairs, 0), tuple(order), tuple(coordinates)
    if not order or sorted(order) != sorted(set(coordinates)) or len(coordinates) != len(order):
        raise ValueError(f"order must have the names of coordinates = {coordinates}, each once, got {order}")
    if pairs % len(order):
        raise ValueError(f"pairs must be a multiple of {len(order)}, got {pairs}")
    axes = np.array([coordinates.index(name) for name in order])
    return np.tile(axes, pairs // len(order)) if alternating else np.repeat(axes, pairs // len(order))


def positions_grid(height, width, frames=None, *, order=None, spacing="index", start=0, merge=1, prefix=0):
    """Return the positions of the tokens of an image or a video.

    Parameters
    ----------
    height, width : int
        Numbers of rows and columns of tokens.
    frames : int, optional
        Number of images of a video.
    order : sequence of str, optional
        The coordinates in the last axis; ("row", "column") by default, ("frame", "row", "column") with `frames`.
    spacing : {"index", "centered", "pixel"}
        Coordinates 0, 1, 2, ...; the centres of n cells from -1 to 1 (DINOv3); n points from -1 to 1 with both ends,
        for `frequencies_pixel`.
    start : int
        Added to the coordinates with "index" (1 in Llama 4's vision part).
    merge : int
        Tokens run through squares of that many rows and columns, as where neighbours are merged later (Qwen2-VL's
        vision part has 2).
    prefix : int
        Number of tokens before the grid that are not rotated: their coordinates are 0.

    Returns
    -------
    ndarray, shape (prefix + frames * height * width, coordinates)
        int64 with "index", otherwise float64. Tokens run frame by frame, row by row.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If one is negative, `merge` does not divide height and width, a name is unknown, or `start` is given with
        another spacing than "index".

    Examples
    --------
    >>> from fastops import rope
    >>> rope.positions_grid(2, 2, prefix=1).tolist()
    [[0, 0], [0, 0], [0, 1], [1, 0], [1, 1]]
    >>> rope.positions_grid(1, 2, order=("column", "row"), spacing="centered").tolist()
    [[-0.5, 0.0], [0.5, 0.0]]
    """
    sizes = {"row": integer("height", height, 0), "column": integer("width", width, 0)}
    if frames is not None:
        sizes = {"frame": integer("frames", frames, 0), **sizes}
    order = tuple(sizes) if order is None else tuple(order)
    if sorted(order) != sorted(sizes):
        raise ValueError(f"order must have the names {', '.join(map(repr, sizes))}, each once, got {order}")
    choice("spacing", spacing, ("index", "centered", "pixel"))
    if start and spacing != "index":
        raise ValueError(f"start must be 0 with spacing = {spacing!r}, got {start!r}")
    start, merge, prefix = integer("start", start), integer("merge", merge, 1), integer("prefix", prefix, 0)
    if sizes["row"] % merge or sizes["column"] % merge:
        raise ValueError(f"merge must divide height = {sizes['row']} and width = {sizes['column']}, got {merge}")
    places = [_spaced(n, spacing, start) for n in sizes.values()]
    grid = np.stack(np.broadcast_arrays(*np.ix_(*places)), axis=-1)[..., [list(sizes).index(name) for name in order]]
    if merge > 1:
        rows, columns = sizes["row"] // merge, sizes["column"] // merge
        blocks = grid.reshape(*grid.shape[:-3], rows, merge, columns, merge, len(order))
        grid = blocks.swapaxes(-4, -3)
    tokens = grid.reshape(-1, len(order))
    return np.concatenate([np.zeros((prefix, len(order)), tokens.dtype), tokens])


def _spaced(n, spacing, start):
    if spacing == "index":
        return np.arange(start, start + n)
    if spacing == "centered":
        return (2 * np.arange(n) + 1 - n) / max(n, 1)
    return np.linspace(-1.0, 1.0, n)


def positions_ragged(sequence_offsets):
    """Return the positions of the tokens of several sequences that lie end to end.

    Parameters
    ----------
    sequence_offsets : array_like of int, shape (sequences + 1,)
        Where each sequence begins, and where the last one ends; from 0, never falling.

    Returns
    -------
    ndarray of int64, shape (tokens,)
        0, 1, 2, ... in each sequence.

    Raises
    ------
    TypeError
        If the offsets are not integers.
    ValueError
        If they have another shape, do not begin at 0, or fall.

    Examples
    --------
    >>> from fastops import rope
    >>> rope.positions_ragged([0, 3, 3, 5])
    array([0, 1, 2, 0, 1])
    """
    offsets = integers("sequence_offsets", sequence_offsets)
    if offsets.ndim != 1 or not offsets.size:
        raise ValueError(f"sequence_offsets has shape {offsets.shape}; one axis is needed, one longer than sequences")
    lengths = np.diff(offsets)
    if offsets[0] != 0 or (lengths < 0).any():
        raise ValueError("sequence_offsets must begin at 0 and never fall")
    return np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)


def positions_padded(attention_mask):
    """Return the positions of tokens among which some are padding, mostly on the left.

    Parameters
    ----------
    attention_mask : array_like of bool or int, shape (..., tokens)
        Not 0 where there is a token.

    Returns
    -------
    ndarray of int64, shape (..., tokens)
        How many tokens come before; padding has the position of the last token before it, or 0.

    Raises
    ------
    TypeError
        If the mask is neither of bools nor of integers.
    ValueError
        If it has no axis.

    Examples
    --------
    >>> from fastops import rope
    >>> rope.positions_padded([[0, 0, 1, 1], [1, 1, 1, 1]]).tolist()
    [[0, 0, 0, 1], [0, 1, 2, 3]]
    """
    mask = np.asarray(attention_mask)
    if mask.dtype.kind not in "biu":
        raise TypeError(f"attention_mask has dtype {mask.dtype}; bool or integers are needed")
    if not mask.ndim:
        raise ValueError("attention_mask has shape (); its last axis must hold the tokens")
    return np.maximum(np.cumsum(mask != 0, axis=-1, dtype=np.int64) - 1, 0)
