# SPDX-License-Identifier: BSD-3-Clause
"""Attention in plain NumPy: exact, by the whole matrix of scores, and by random features.

References
----------
A. Vaswani, N. Shazeer, N. Parmar, J. Uszkoreit, L. Jones, A. N. Gomez, L. Kaiser, I. Polosukhin,
"Attention Is All You Need", 2017, arXiv:1706.03762.

K. Choromanski and others, "Rethinking Attention with Performers", 2021, arXiv:2009.14794.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["random_feature_attention", "softmax_attention"]

_DTYPES = ("float16", "bfloat16", "float32", "float64")


def softmax_attention(
    q: ArrayLike,
    k: ArrayLike,
    v: ArrayLike,
    *,
    causal: bool = False,
    scale: float | None = None,
    key_log_weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    softcap: float | None = None,
    sliding_window: int | tuple[int, int] | None = None,
) -> NDArray[Any]:
    """Mean of the values, weighted for each query by the softmax of its scores.

    Parameters
    ----------
    q : ndarray, shape (..., heads, n, d)
        float16, bfloat16, float32 or float64. 16-bit numbers are computed in float32 and rounded
        once.
    k : ndarray, shape (..., kv_heads, n_kv, d)
        ``heads`` is a multiple of ``kv_heads``: consecutive query heads share a key head.
    v : ndarray, shape (..., kv_heads, n_kv, dv)
        Leading axes broadcast; an array of two axes has one head.
    causal : bool
        Query i sees the keys up to i. Needs ``n == n_kv``.
    scale : float, optional
        What the products of queries and keys are multiplied by. Default: ``d ** -0.5``.
    key_log_weight : array_like, broadcasts to (..., kv_heads, n_kv), optional
        Added to all scores of a key; ``-inf`` masks it.
    bias : array_like, broadcasts to (..., heads, n, n_kv), optional
        Added to the scores after the softcap; ``-inf`` masks.
    softcap : float, optional
        Scaled scores s become ``softcap * tanh(s / softcap)``.
    sliding_window : int or (int, int), optional
        Query i sees the keys from ``i - left`` to ``i + right``, -1 for no limit; ``w`` stands for
        ``(w - 1, 0)``. Needs ``n == n_kv``.

    Returns
    -------
    ndarray, shape (..., heads, n, dv), dtype of ``q``
        (n, dv) where all arrays have two axes. A row whose keys are all masked is 0. What a masked
        key or its value holds, NaN included, has no influence.

    Examples
    --------
    >>> q = k = np.zeros((1, 3, 2))
    >>> v = np.array([[[0.0], [6.0], [12.0]]])
    >>> softmax_attention(q, k, v, causal=True)[0, :, 0]
    array([0., 3., 6.])
    >>> softmax_attention(q, k, v, key_log_weight=[0, -np.inf, 0])[0, :, 0]
    array([6., 6., 6.])
    """
    q, k, v = (_array(name, x) for name, x in (("q", q), ("k", k), ("v", v)))
    one_head = q.ndim == k.ndim == v.ndim == 2
    q, k, v = (x if x.ndim > 2 else x[np.newaxis] for x in (q, k, v))
    _check_shapes(q, k, v)
    compute: Any = np.float64 if q.dtype == np.float64 else np.float32
    group = q.shape[-3] // k.shape[-3]
    query, key, value = (x.astype(compute, copy=False) for x in (q, k, v))
    if group > 1:
        key, value = np.repeat(key, group, axis=-3), np.repeat(value, group, axis=-3)
    if scale is None:
        scale = 1.0 / np.sqrt(max(q.shape[-1], 1))
    allowed = _visible(q.shape[-2], k.shape[-2], causal, sliding_window)
    with np.errstate(over="ignore", invalid="ignore"):  # infinities and NaN are values here
        score = np.matmul(query * compute(scale), key.swapaxes(-1, -2))
        if softcap is not None:
            score = compute(softcap) * np.tanh(score / compute(softcap))
        if bias is not None:
            bias = np.broadcast_to(np.asarray(bias).astype(compute, copy=False), score.shape)
            score, allowed = score + bias, allowed & (bias != -np.inf)
        if key_log_weight is not None:
            batch = np.broadcast_shapes(q.shape[:-3], k.shape[:-3], v.shape[:-3])
            weight = np.broadcast_to(np.asarray(key_log_weight).astype(compute), (*batch, *k.shape[-3:-1]))
            weight = np.repeat(weight, group, axis=-2)[..., np.newaxis, :]
            score, allowed = score + weight, allowed & (weight != -np.inf)
        mean: NDArray[Any] = _weighted_mean(score, allowed, value).astype(q.dtype, copy=False)
    return mean[0] if one_head else mean


def _weighted_mean(score: NDArray[Any], allowed: NDArray[np.bool_], value: NDArray[Any]) -> NDArray[Any]:
    """softmax(score) @ value, where pairs that are not allowed count for nothing, whatever the value."""
    if not allowed.all():
        score = np.where(allowed, score, -np.inf)
    some = allowed.any(axis=-1, keepdims=True)
    top = score.max(axis=-1, keepdims=True, initial=-np.inf)
    weight = np.exp(score - np.where(some, top, 0))
    norm = np.where(some, weight.sum(axis=-1, keepdims=True), 1)
    finite = np.isfinite(value).all(axis=-1, keepdims=True)
    total: NDArray[Any] = np.matmul(weight, value if finite.all() else np.where(finite, value, 0))
    allowed = np.broadcast_to(allowed, score.shape)
    for j in np.unique(np.nonzero(~finite)[-2]):  # 0 * NaN is NaN: these keys are added where they are seen
        one = np.where(finite[..., j, :], 0, value[..., j, :])[..., np.newaxis, :]
        total = total + np.where(allowed[..., j, np.newaxis], weight[..., j, np.newaxis] * one, 0)
    total /= norm
    return total


def _visible(n: int, n_kv: int, causal: bool, sliding_window: int | tuple[int, int] | None) -> NDArray[np.bool_]:
    """Which keys each query sees, shape (n, n_kv), or (1, n_kv) where all see all."""
    if not causal and sliding_window is None:
        return np.ones((1, n_kv), dtype=np.bool_)
    if n != n_kv:
        raise ValueError(f"causal and sliding_window need as many keys as queries, got {n_kv} and {n}")
    left, right = (-1, -1) if sliding_window is None else _window(sliding_window)
    if causal:
        right = 0
    distance = np.arange(n_kv) - np.arange(n)[:, np.newaxis]
    visible: NDArray[np.bool_] = distance <= (right if right >= 0 else n)
    return visible & (distance >= -left) if left >= 0 else visible


def _window(sliding_window: int | tuple[int, int]) -> tuple[int, int]:
    left, right = sliding_window if isinstance(sliding_window, tuple) else (sliding_window - 1, 0)
    if left < -1 or right < -1 or sliding_window == 0:
        raise ValueError(f"sliding_window must be at least 1, or two numbers of at least -1, got {sliding_window}")
    return left, right


def _array(name: str, x: ArrayLike) -> NDArray[Any]:
    x = np.asarray(x)
    if x.dtype.name not in _DTYPES or not x.dtype.isnative:
        raise TypeError(f"{name} must be one of {', '.join(_DTYPES)}, got {x.dtype!r}")
    if x.ndim < 2:
        raise ValueError(f"{name} must have shape (..., heads, tokens, lanes), got {x.shape}")
    return x


def _check_shapes(q: NDArray[Any], k: NDArray[Any], v: NDArray[Any]) -> None:
    if q.dtype != k.dtype or q.dtype != v.dtype:
        raise TypeError(f"q, k and v must have one dtype, got {q.dtype}, {k.dtype} and {v.dtype}")
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(f"k must have the last axis of q, {q.shape[-1]}, got shape {k.shape}")
    if k.shape[-3:-1] != v.shape[-3:-1]:
        raise ValueError(f"v must have the heads and tokens of k, {k.shape[-3:-1]}, got shape {v.shape}")
    if k.shape[-3] == 0 or q.shape[-3] % k.shape[-3]:
        raise ValueError(f"the heads of q must be a multiple of those of k, got {q.shape[-3]} and {k.shape[-3]}")


def random_feature_attention(
    q: NDArray[Any],
    k: NDArray[Any],
    v: NDArray[Any],
    features: Any,
    *,
    causal: bool = False,
    scale: float | None = None,
    key_log_weight: ArrayLike | None = None,
) -> NDArray[Any]:
    """Attention with the kernel exp(scale q . k) replaced by an inner product of random features.

    Parameters
    ----------
    q, k, v : ndarray of float32 or float64
        Shapes as for `softmax_attention`.
    features : fastops.attention.RandomFeatures
        Its attribute ``projection``, of shape (m, d), is used.
    causal, scale, key_log_weight
        As for `softmax_attention`. Causal sums are taken over all pairs.

    Returns
    -------
    ndarray, shape (..., heads, n, dv), dtype of ``q``

    Notes
    -----
    Features are taken under the largest one of all keys, so where keys differ by more than the range of the type, rows
    that see only the smaller ones are lost.
    """
    group = q.shape[-3] // k.shape[-3] if q.ndim > 2 else 1
    factor = (q.shape[-1] ** -0.5 if scale is None else scale) ** 0.5
    w = features.projection.astype(q.dtype).T
    x, y = q * q.dtype.type(factor), k * q.dtype.type(factor)
    log_k = y @ w - (y * y).sum(-1, keepdims=True) / 2
    if key_log_weight is not None:
        weight = np.broadcast_to(np.asarray(key_log_weight, q.dtype), k.shape[:-1])
        log_k = log_k + weight[..., None]
        v = np.where(weight[..., None] == -np.inf, 0, v)
    largest = log_k.max(-2, keepdims=True, initial=-np.inf)
    largest[largest == -np.inf] = 0
    if group > 1:
        log_k, largest, v = (np.repeat(a, group, -3) for a in (log_k, largest, v))
    log_q = x @ w + largest
    phi_q = np.exp(log_q - log_q.max(-1, keepdims=True))
    phi_k = np.exp(log_k - largest)
    if causal:
        weights = phi_q @ phi_k.swapaxes(-1, -2) * np.tri(q.shape[-2], dtype=q.dtype)
        sums, total = weights @ v, weights.sum(-1, keepdims=True)
    else:
        sums, total = phi_q @ (phi_k.swapaxes(-1, -2) @ v), phi_q @ phi_k.sum(-2)[..., None]
    result: NDArray[Any] = np.where(total > 0, sums / np.where(total > 0, total, 1), 0).astype(q.dtype)
    return result
