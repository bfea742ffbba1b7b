# SPDX-License-Identifier: BSD-3-Clause
"""Rows of query and key projections, from one layout of pairs to the other."""

import numpy as np

from .._arguments import even, integer


def half_to_interleaved(weight, num_heads, rotary_dim=None):
    """Return a projection for the interleaved layout, of one for the half layout.

    Parameters
    ----------
    weight : array_like, shape (num_heads * head_dim, ...)
        Of queries or keys: a matrix whose rows give the lanes, a bias, or, with ``num_heads=1``, the weight of a norm
        over a head. Any dtype.
    num_heads : int
        Heads in `weight`; for keys the number of key heads.
    rotary_dim : int, optional
        How many lanes of each head, from the first, are rotated; all by default.

    Returns
    -------
    ndarray
        A copy. In each head row i becomes row 2 i, and row i + rotary_dim / 2 becomes row 2 i + 1. With both queries
        and keys converted, scores are as before.

    Raises
    ------
    TypeError
        If `num_heads` or `rotary_dim` is not an integer.
    ValueError
        If `num_heads` does not divide the rows, or `rotary_dim` is odd, negative, or above head_dim.

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import rope
    >>> rope.half_to_interleaved(np.arange(6), 1, rotary_dim=4)
    array([0, 2, 1, 3, 4, 5])
    """
    return _permuted(weight, num_heads, rotary_dim, False)


def interleaved_to_half(weight, num_heads, rotary_dim=None):
    """Return a projection for the half layout, of one for the interleaved layout.

    Parameters
    ----------
    weight : array_like, shape (num_heads * head_dim, ...)
        As for `half_to_interleaved`.
    num_heads : int
        Heads in `weight`.
    rotary_dim : int, optional
        How many lanes of each head, from the first, are rotated; all by default.

    Returns
    -------
    ndarray
        A copy. In each head row 2 i becomes row i, and row 2 i + 1 becomes row i + rotary_dim / 2.

    Raises
    ------
    TypeError, ValueError
        As for `half_to_interleaved`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import rope
    >>> rope.interleaved_to_half(np.arange(6), 1, rotary_dim=4)
    array([0, 2, 1, 3, 4, 5])
    >>> rope.interleaved_to_half(np.arange(6), 1)
    array([0, 2, 4, 1, 3, 5])
    """
    return _permuted(weight, num_heads, rotary_dim, True)


def _permuted(weight, num_heads, rotary_dim, to_half):
    weight, num_heads = np.asarray(weight), integer("num_heads", num_heads, 1)
    if not weight.ndim or weight.shape[0] % num_heads:
        raise ValueError(
            f"weight has shape {weight.shape}; its first axis must be a multiple of num_heads = {num_heads}"
        )
    head_dim = weight.shape[0] // num_heads
    dim = even("rotary_dim", head_dim if rotary_dim is None else rotary_dim)
    if dim > head_dim:
        raise ValueError(f"rotary_dim must be at most head_dim = {head_dim}, got {dim}")
    lanes = np.arange(dim).reshape((-1, 2) if to_half else (2, -1)).T.reshape(-1)
    lanes = np.concatenate([lanes, np.arange(dim, head_dim)])
    return weight.reshape(num_heads, head_dim, *weight.shape[1:])[:, lanes].reshape(weight.shape)
