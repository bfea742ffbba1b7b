# SPDX-License-Identifier: BSD-3-Clause
"""`fastops.reference.attention` against one dot product, one exponential and one sum at a time."""

import math

import ml_dtypes
import numpy as np
import pytest

from fastops.reference.attention import softmax_attention

NONE = -math.inf


def one_row(q, k, v, log_weights, scale, softcap):
    """The definition for one query, in Python's floats; log_weights has one number a key, -inf where it is masked."""
    scores = []
    for key, weight in zip(k, log_weights, strict=True):
        score = math.fsum(float(a) * float(b) for a, b in zip(q, key, strict=True)) * scale
        scores.append((score if softcap is None else softcap * math.tanh(score / softcap)) + weight)
    top = max(scores, default=NONE)
    if top == NONE:
        return [0.0] * v.shape[-1]
    weights = [math.exp(score - top) for score in scores]
    total = math.fsum(weights)
    return [math.fsum(w * float(x) for w, x in zip(weights, lane, strict=True)) / total for lane in v.T]


def by_definition(q, k, v, log_weights, scale=None, softcap=None):
    """log_weights broadcasts to (batch, heads, n, n_kv)."""
    batch, heads, n, d = q.shape
    group = heads // k.shape[1]
    log_weights = np.broadcast_to(log_weights, (batch, heads, n, k.shape[2]))
    out = np.empty((batch, heads, n, v.shape[-1]))
    for b, h, i in np.ndindex(batch, heads, n):
        kv = b, h // group
        out[b, h, i] = one_row(q[b, h, i], k[kv], v[kv], log_weights[b, h, i], scale or d**-0.5, softcap)
    return out


@pytest.fixture
def qkv():
    rng = np.random.default_rng(0)
    return rng.standard_normal((2, 6, 5, 4)), rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((2, 3, 5, 7))


def band(left, right, n=5):
    distance = np.arange(n) - np.arange(n)[:, None]
    return np.where((distance >= -left) & (distance <= right), 0, NONE)


BIAS = np.random.default_rng(1).standard_normal((6, 5, 5))
WEIGHT = np.array([0, NONE, 1.5, 0, -2])
FIRST_MASKED = np.array([NONE, 0, 0, 0, 0])
WINDOW_OF_TWO = band(1, 0)


@pytest.mark.parametrize(
    ("options", "log_weights", "scale", "softcap"),
    [
        ({}, 0, None, None),
        ({"causal": True}, band(9, 0), None, None),
        ({"scale": 0.3}, 0, 0.3, None),
        ({"softcap": 0.5}, 0, None, 0.5),
        ({"key_log_weight": WEIGHT}, WEIGHT, None, None),
        ({"bias": BIAS}, BIAS, None, None),
        ({"bias": BIAS, "softcap": 2.0, "causal": True}, BIAS + band(9, 0), None, 2.0),
        ({"sliding_window": 2}, WINDOW_OF_TWO, None, None),
        ({"sliding_window": (1, 2)}, band(1, 2), None, None),
        ({"sliding_window": (-1, 1)}, band(9, 1), None, None),
        ({"sliding_window": (1, -1), "causal": True}, WINDOW_OF_TWO, None, None),
        ({"key_log_weight": np.full(5, NONE)}, NONE, None, None),
        ({"causal": True, "key_log_weight": FIRST_MASKED}, band(9, 0) + FIRST_MASKED, None, None),
    ],
    ids=str,
)
def test_options(qkv, options, log_weights, scale, softcap):
    expected = by_definition(*qkv, log_weights, scale, softcap)
    np.testing.assert_allclose(softmax_attention(*qkv, **options), expected, rtol=1e-12, atol=1e-13)


def test_weights_for_each_sequence_and_key_head(qkv):
    weight = np.random.default_rng(2).standard_normal((2, 3, 5))
    expected = by_definition(*qkv, np.repeat(weight, 2, axis=1)[:, :, None])
    np.testing.assert_allclose(softmax_attention(*qkv, key_log_weight=weight), expected, rtol=1e-12)


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 1e-6), (np.float16, 2e-3), (ml_dtypes.bfloat16, 2e-2)])
def test_dtypes(qkv, dtype, bound):
    q, k, v = (x.astype(dtype) for x in qkv)
    out = softmax_attention(q, k, v, causal=True)
    assert out.dtype == dtype
    expected = by_definition(*(x.astype(float) for x in (q, k, v)), band(9, 0))
    np.testing.assert_allclose(out.astype(float), expected, atol=bound)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_what_a_masked_key_holds_has_no_influence(qkv, poison):
    q, k, v = qkv
    k2, v2 = k.copy(), v.copy()
    k2[:, :, 3], v2[:, :, 3] = poison, poison
    seen = softmax_attention(q, k2, v2, causal=True)
    np.testing.assert_array_equal(seen[..., :3, :], softmax_attention(q, k, v, causal=True)[..., :3, :])
    assert not np.isfinite(seen[..., 3:, :]).any()
    weight = np.array([0, 0, 0, NONE, 0])
    hidden = softmax_attention(q, k2, v2, key_log_weight=weight)
    np.testing.assert_array_equal(hidden, softmax_attention(q, k, v, key_log_weight=weight))


def test_scores_far_above_and_below_the_range_of_exp(qkv):
    q, k, v = qkv
    out = softmax_attention(1e4 * q, k, v)
    best = np.einsum("bhid,bhjd->bhij", q, np.repeat(k, 2, axis=1)).argmax(axis=-1)
    np.testing.assert_allclose(out, np.take_along_axis(np.repeat(v, 2, axis=1), best[..., None], axis=-2))


def test_leading_axes_broadcast(qkv):
    q, k, v = qkv
    expected = softmax_attention(q, np.stack([k[0]] * 2), v, key_log_weight=WEIGHT)
    np.testing.assert_array_equal(softmax_attention(q, k[0], v, key_log_weight=WEIGHT), expected)
    np.testing.assert_array_equal(softmax_attention(q[0], k[0], v), softmax_attention(np.stack([q[0]] * 2), k[:1], v))
    alone = softmax_attention(q[0, 0], k[0, 0], v[0, 0], causal=True)
    np.testing.assert_array_equal(alone, softmax_attention(q, k, v, causal=True)[0, 0])


def test_empty_axes_give_the_mathematical_answer(qkv):
    q, k, v = qkv
    np.testing.assert_array_equal(softmax_attention(q, k[:, :, :0], v[:, :, :0]), np.zeros((2, 6, 5, 7)))
    uniform = softmax_attention(q[..., :0], k[..., :0], v) - np.repeat(v, 2, axis=1).mean(axis=-2, keepdims=True)
    np.testing.assert_allclose(uniform, 0, atol=1e-15)
    assert softmax_attention(q[:, :, :0], k, v).shape == (2, 6, 0, 7)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"q": np.ones(4)}, ValueError, r"q must have shape \(\.\.\., heads, tokens, lanes\)"),
        ({"q": np.ones((2, 6, 5, 4), int)}, TypeError, "q must be one of float16"),
        ({"k": np.ones((2, 3, 5, 4), np.float32)}, TypeError, "one dtype"),
        ({"k": np.ones((2, 3, 5, 3))}, ValueError, "last axis of q, 4"),
        ({"v": np.ones((2, 3, 6, 4))}, ValueError, "heads and tokens of k"),
        ({"q": np.ones((2, 5, 5, 4))}, ValueError, "multiple"),
        ({"q": np.ones((2, 6, 4, 4)), "causal": True}, ValueError, "as many keys as queries, got 5 and 4"),
        ({"sliding_window": 0}, ValueError, "sliding_window must be"),
        ({"bias": np.ones((7, 5, 5))}, ValueError, "broadcast"),
    ],
)
def test_wrong_arguments(qkv, change, error, message):
    arguments = dict(zip("qkv", qkv, strict=True)) | change
    with pytest.raises(error, match=message):
        softmax_attention(**arguments)
