# SPDX-License-Identifier: BSD-3-Clause
"""Attention: exact, in tiles, and in linear time by random features (K. Choromanski et al., 2021)."""

import numpy as np

from ._arguments import choice as _choice
from ._arguments import integer as _integer
from ._fastops_core import random_feature_attention, softmax_attention

__all__ = ["RandomFeatures", "random_feature_attention", "softmax_attention"]

_KINDS = ("positive", "hyperbolic")
_PROJECTIONS = ("orthogonal", "iid")
_NORMS = ("chi", "sqrt_d")


class RandomFeatures:
    """A random feature map whose inner products estimate exp(x . y).

    Feature j of x is exp(w[j] . x - |x|**2 / 2) / sqrt(m), for m rows w[j] of a random matrix.

    Parameters
    ----------
    head_dim : int
        Lanes d of queries and keys.
    num_features : int
        How many features, m; even for "hyperbolic".
    kind : {"positive", "hyperbolic"}
        "hyperbolic" pairs each row with its negative.
    projection : {"orthogonal", "iid"}
        Rows in blocks of d that are orthogonal (Haar distributed), or independent. Orthogonal rows have less variance.
    norms : {"chi", "sqrt_d"}
        Lengths of orthogonal rows: those of independent ones, which keeps the estimate unbiased, or all sqrt(d).
    seed : int, numpy.random.Generator or None
        Where randomness comes from, as for `numpy.random.default_rng`.

    Attributes
    ----------
    projection : ndarray of float64, shape (m, d)
        The rows w.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If a size is below 1, m is odd for "hyperbolic", or an option is unknown.

    Notes
    -----
    Source: K. Choromanski et al., Rethinking attention with Performers (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import attention
    >>> features = attention.RandomFeatures(8, 4096, seed=1)
    >>> x, y = np.full(8, 0.1), np.full(8, 0.2)
    >>> log_x, log_y = features.log_features(x), features.log_features(y)
    >>> abs(np.exp(log_x + log_y).mean() - np.exp(x @ y)) < 0.02
    np.True_
    """

    def __init__(self, head_dim, num_features=256, *, kind="positive", projection="orthogonal", norms="chi", seed=None):
        d, m = _integer("head_dim", head_dim, 1), _integer("num_features", num_features, 1)
        _choice("kind", kind, _KINDS)
        _choice("projection", projection, _PROJECTIONS)
        _choice("norms", norms, _NORMS)
        if kind == "hyperbolic" and m % 2:
            raise ValueError(f"num_features must be even for kind 'hyperbolic', got {m}")
        rng = np.random.default_rng(seed)
        rows = m // 2 if kind == "hyperbolic" else m
        self.kind = kind
        w = rng.standard_normal((rows, d)) if projection == "iid" else _orthogonal(rng, rows, d, norms)
        self.projection = np.concatenate([w, -w]) if kind == "hyperbolic" else w
        self.projection.flags.writeable = False

    @classmethod
    def from_projection(cls, projection):
        """Make the map of given rows.

        Parameters
        ----------
        projection : array_like, shape (m, d)

        Returns
        -------
        RandomFeatures

        Raises
        ------
        ValueError
            If it has not two axes, an empty one, or a number that is not finite.
        """
        w = np.array(projection, dtype=np.float64)
        if w.ndim != 2 or w.size == 0:
            raise ValueError(f"projection has shape {w.shape}; two axes that are not empty are needed, (m, d)")
        if not np.isfinite(w).all():
            raise ValueError("projection must be finite")
        features = cls.__new__(cls)
        features.kind = "positive"
        features.projection = w
        features.projection.flags.writeable = False
        return features

    def __repr__(self):
        m, d = self.projection.shape
        return f"<RandomFeatures: {m} {self.kind} features of {d} lanes, {self.fingerprint[:8]}>"

    def log_features(self, x):
        """Return the logarithms of the features of x, without the factor 1 / sqrt(m).

        Parameters
        ----------
        x : array_like, shape (..., d)

        Returns
        -------
        ndarray of float64, shape (..., m)
        """
        x = np.asarray(x, dtype=np.float64)
        return x @ self.projection.T - (x * x).sum(-1, keepdims=True) / 2

    @property
    def fingerprint(self):
        """Name of the map: equal for equal rows, of whatever machine."""
        import hashlib

        return hashlib.sha256(self.kind.encode() + self.projection.astype("<f8").tobytes()).hexdigest()


def _orthogonal(rng, rows, d, norms):
    """Rows in blocks of d that are orthogonal and, block by block, distributed as rotations are."""
    blocks = []
    for _ in range(0, rows, d):
        q, r = np.linalg.qr(rng.standard_normal((d, d)))
        blocks.append((q * np.sign(np.diagonal(r))).T)  # without the signs, QR would prefer some rotations
    directions = np.concatenate(blocks)[:rows]
    if norms == "sqrt_d":
        return directions * d**0.5
    return directions * np.linalg.norm(rng.standard_normal((rows, d)), axis=1, keepdims=True)
