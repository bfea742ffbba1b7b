# SPDX-License-Identifier: BSD-3-Clause
"""Attention against float64 sums over all pairs, and what must not change a bit of it."""

import numpy as np
import pytest

import fastops
from fastops import _fastops_core as core
from fastops import attention
from fastops.attention import RandomFeatures, random_feature_attention, softmax_attention
from support import run_python

# batch axes, heads, kv_heads, n, d, dv
SHAPES = [
    ((), 1, 1, 1, 1, 1),
    ((2,), 4, 2, 50, 16, 16),
    ((1,), 2, 1, 97, 64, 64),
    ((), 2, 2, 200, 20, 33),
    ((3, 2), 6, 2, 37, 7, 5),
]
# of outputs, which are means of unit normal values: rounding of sums of about 100 terms; logarithms of features reach
# 100, and are rounded before they are powers
TOLERANCE = {"float32": (5e-6, 1e-4), "float64": (2e-14, 2e-13)}


def pairs(q, k, v, scores, causal, weight):
    """Means of values under exp(scores), in float64; scores(q, k) are logarithms for each pair, summed over axis -1."""
    group = q.shape[-3] // k.shape[-3]
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    k, v = np.repeat(k, group, -3), np.repeat(v, group, -3)
    logs = scores(q[..., :, None, :], k[..., None, :, :])
    if weight is not None:
        logs = logs + np.repeat(weight, group, -2)[..., None, :, None]
    if causal:
        logs = np.where(np.tri(logs.shape[-3], dtype=bool)[..., None], logs, -np.inf)
    most = logs.max((-1, -2), keepdims=True)
    terms = np.exp(logs - np.where(np.isfinite(most), most, 0)).sum(-1)
    total = terms.sum(-1, keepdims=True)
    return np.where(total > 0, terms @ v / np.where(total > 0, total, 1), 0)


def exact(q, k, v, causal=False, weight=None):
    factor = q.shape[-1] ** -0.5
    return pairs(q, k, v, lambda x, y: factor * (x * y).sum(-1, keepdims=True), causal, weight)


def estimated(features):
    def attend(q, k, v, causal=False, weight=None):
        factor = q.shape[-1] ** -0.25

        def scores(x, y):
            return (factor * x) @ features.projection.T + features.log_features(factor * y)

        return pairs(q, k, v, scores, causal, weight)

    return attend


def operands(rng, shape, dtype):
    batch, heads, kv_heads, n, d, dv = shape
    sizes = (*batch, heads, n, d), (*batch, kv_heads, n, d), (*batch, kv_heads, n, dv)
    return [rng.standard_normal(size).astype(dtype) for size in sizes]


@pytest.fixture(params=core._isa_names())
def isa(request):
    before = core._isa()
    core._use_isa(request.param)
    yield request.param
    core._use_isa(before)


@pytest.fixture(params=["softmax", "positive", "hyperbolic"])
def kind(request):
    """Compiled function, float64 function, place of its tolerance."""
    if request.param == "softmax":
        return lambda d: (softmax_attention, exact, 0)

    def of_features(d):
        features = RandomFeatures(d, 62, kind=request.param, seed=5)

        def attend(q, k, v, **options):
            return random_feature_attention(q, k, v, features, **options)

        return attend, estimated(features), 1

    return of_features


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("causal", [False, True])
def test_sums_over_all_pairs(isa, kind, shape, dtype, causal):
    rng = np.random.default_rng(1)
    q, k, v = operands(rng, shape, dtype)
    weight = rng.standard_normal(k.shape[:-1])
    weight[rng.random(weight.shape) < 0.2] = -np.inf
    ours, truth, place = kind(q.shape[-1])
    for w in None, weight:
        before = [x.copy() for x in (q, k, v)]
        results = []
        for threads in 1, 2:
            fastops.set_num_threads(threads)
            results.append(ours(q, k, v, causal=causal, key_log_weight=w))
        assert results[0].dtype == q.dtype
        np.testing.assert_array_equal(results[0], results[1])
        np.testing.assert_allclose(results[0], truth(q, k, v, causal, w), rtol=0, atol=TOLERANCE[dtype][place])
        for x, y in zip((q, k, v), before, strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.fixture(autouse=True)
def _threads():
    before = fastops.get_num_threads()
    yield
    fastops.set_num_threads(before)


CHANGES = {
    "four times as large": lambda k, v, t: (k.__setitem__(np.s_[:, t:], 4 * k[:, t:]), None),
    "tiny": lambda k, v, t: (k.__setitem__(np.s_[:, t:], 1e-3 * k[:, t:]), None),
    "a NaN key": lambda k, v, t: (k.__setitem__(np.s_[:, t], np.nan), None),
    "infinite keys": lambda k, v, t: (k.__setitem__(np.s_[:, t:], np.inf), None),
    "a NaN value": lambda k, v, t: (v.__setitem__(np.s_[:, t], np.nan), None),
    "infinite values": lambda k, v, t: (v.__setitem__(np.s_[:, t:], -np.inf), None),
}


@pytest.mark.parametrize("t", [5, 30, 48, 49, 95, 97])
def test_causal_outputs_have_the_same_bits_whatever_follows(isa, kind, t):
    rng = np.random.default_rng(2)
    q, k, v = (rng.standard_normal((2, 130, 8)).astype(np.float32) for _ in range(3))
    k[:, :20] *= 20  # features of these keys are 2**-500 beside those of later ones
    ours, truth, place = kind(8)
    expected = ours(q, k, v, causal=True)
    np.testing.assert_allclose(expected, truth(q, k, v, True), rtol=0, atol=10 * TOLERANCE["float32"][place])
    np.testing.assert_array_equal(ours(q[:, :t], k[:, :t], v[:, :t], causal=True), expected[:, :t])
    for name, change in CHANGES.items():
        later_k, later_v = k.copy(), v.copy()
        change(later_k, later_v, t)
        result = ours(q, later_k, later_v, causal=True)
        np.testing.assert_array_equal(result[:, :t], expected[:, :t], err_msg=name)


def test_batch_items_and_heads_do_not_touch_each_other(kind):
    rng = np.random.default_rng(3)
    q, k, v = (rng.standard_normal((3, 2, 60, 8)).astype(np.float32) for _ in range(3))
    ours, _, _ = kind(8)
    expected = ours(q, k, v)
    k[1, 0] *= 100
    v[1, 0, 7] = np.nan
    result = ours(q, k, v)
    untouched = np.ones((3, 2), bool)
    untouched[1, 0] = False
    np.testing.assert_array_equal(result[untouched], expected[untouched])
    assert np.isnan(result[1, 0]).any()


def test_masked_keys_do_not_count_whatever_they_hold(kind):
    rng = np.random.default_rng(4)
    q, k, v = (rng.standard_normal((2, 50, 8)).astype(np.float32) for _ in range(3))
    mask = np.where(rng.random((2, 50)) < 0.3, -np.inf, 0)
    ours, _, _ = kind(8)
    expected = ours(q, k, v, key_log_weight=mask)
    k[mask == -np.inf], v[mask == -np.inf] = np.nan, np.inf
    np.testing.assert_array_equal(ours(q, k, v, key_log_weight=mask), expected)
    np.testing.assert_array_equal(ours(q, k, v, key_log_weight=-np.inf), 0)


def test_large_keys_neither_overflow_nor_vanish(kind):
    rng = np.random.default_rng(5)
    q, k, v = (rng.standard_normal((1, 100, 16)) for _ in range(3))
    ours, truth, _ = kind(16)
    for size in 1e-3, 10, 60:
        result = ours(q.astype(np.float32), (size * k).astype(np.float32), v.astype(np.float32))
        assert np.isfinite(result).all()
        np.testing.assert_allclose(ours(q, size * k, v), truth(q, size * k, v), rtol=0, atol=1e-8)


def test_views_of_any_strides_and_broadcast_axes(kind):
    rng = np.random.default_rng(6)
    packed = rng.standard_normal((2, 40, 3, 4, 8)).astype(np.float32)  # batch, tokens, q/k/v, heads, lanes
    q, k, v = (np.swapaxes(packed[:, :, i], 1, 2) for i in range(3))
    ours, _, _ = kind(8)
    expected = ours(*(x.copy() for x in (q, k, v)))
    np.testing.assert_array_equal(ours(q, k, v), expected)
    out = np.empty((2, 40, 4, 8), np.float32)
    assert ours(q, k, v, out=np.swapaxes(out, 1, 2)).base is out
    np.testing.assert_array_equal(np.swapaxes(out, 1, 2), expected)
    np.testing.assert_array_equal(ours(q[..., ::-1, :], k, v)[..., ::-1, :], expected)
    np.testing.assert_array_equal(ours(q, k[:1], v[:1])[0], expected[0])
    np.testing.assert_array_equal(ours(q[0, 0], k[0, 0], v[0, 0]), expected[0, 0])  # no axis of heads


def test_empty_operands(kind):
    ours, _, _ = kind(8)
    some, none = np.ones((2, 3, 8), np.float32), np.ones((2, 0, 8), np.float32)
    np.testing.assert_array_equal(ours(some, none, none), 0 * some, strict=True)
    assert ours(none, some, some).shape == (2, 0, 8)
    assert ours(some, some, some[..., :0]).shape == (2, 3, 0)
    assert ours(some[None][:0], some, some).shape == (0, 2, 3, 8)


def wrong(message, error=ValueError, **change):
    return pytest.param(change, error, message, id=message)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        wrong("q must be a numpy.ndarray, got list", TypeError, q=[[1.0]]),
        wrong("q has dtype int64; supported: float32, float64", TypeError, q=np.ones((4, 6, 8), int)),
        wrong("k has dtype float64; float32 is needed", TypeError, k=np.ones((2, 6, 8))),
        wrong("q has shape .8,.; at least two axes", q=np.ones(8, np.float32)),
        wrong("k has shape .*; its last axis must be 8 long", k=np.ones((2, 6, 7), np.float32)),
        wrong("v has shape .*; it must have 6 tokens", v=np.ones((2, 5, 8), np.float32)),
        wrong("v has shape .*; it must have 2 heads", v=np.ones((4, 6, 8), np.float32)),
        wrong("q has shape .*; its 3 heads must be a multiple of the 2", q=np.ones((3, 6, 8), np.float32)),
        wrong(
            "q has shape .*; its leading axes must broadcast",
            q=np.ones((2, 4, 6, 8), np.float32),
            k=np.ones((3, 2, 6, 8), np.float32),
            v=np.ones((3, 2, 6, 8), np.float32),
        ),
        wrong("k has shape .*; causal attention needs as many keys", q=np.ones((4, 5, 8), np.float32), causal=True),
        wrong("scale must be finite", scale=np.inf),
        wrong("key_log_weight has shape .*; it must broadcast to", key_log_weight=np.zeros(5)),
        wrong("key_log_weight has dtype complex128", TypeError, key_log_weight=1j),
        wrong("out has shape", out=np.ones((4, 6, 7), np.float32)),
        wrong("out has dtype float64", TypeError, out=np.ones((4, 6, 8))),
        wrong("out is read-only", out=np.broadcast_to(np.float32(1), (4, 6, 8))),
    ],
)
def test_wrong_arguments(kind, change, error, message):
    arguments = {"q": np.ones((4, 6, 8), np.float32), "k": np.ones((2, 6, 8), np.float32)}
    arguments = arguments | {"v": arguments["k"].copy()} | change
    ours, _, _ = kind(8)
    if "q" in change and isinstance(change["q"], list):
        message = "q"
    with pytest.raises(error, match=message):
        ours(arguments.pop("q"), arguments.pop("k"), arguments.pop("v"), **arguments)


def test_output_that_overlaps_an_input_is_refused(kind):
    q = np.ones((1, 6, 8), np.float32)
    ours, _, _ = kind(8)
    with pytest.raises(ValueError, match="out overlaps q"):
        ours(q, q.copy(), q.copy(), out=q)


def test_no_memory_writes_nothing(kind):
    q, out = np.ones((1, 6, 8), np.float32), np.full((1, 6, 8), 7, np.float32)
    ours, _, _ = kind(8)
    core._fail_allocation(0)
    with pytest.raises(MemoryError):
        ours(q, q, q, out=out)
    np.testing.assert_array_equal(out, 7)


PEAK = """
    import resource, sys
    import numpy as np
    from fastops import attention
    attention.softmax_attention(*np.ones((3, 1, 200, 64), np.float32))  # threads and code
    q = np.full((4, {n}, 64), 0.1, np.float32)
    out = np.ones_like(q)
    features = attention.RandomFeatures(64, 256, seed=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    {call}
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("call", "n"),
    [
        ("attention.softmax_attention(q, q, q, out=out)", 4096),  # a head's scores: 64 MB
        ("attention.random_feature_attention(q, q, q, features, out=out)", 32768),  # a head's features: 32 MB
        ("attention.random_feature_attention(q, q, q, features, causal=True, out=out)", 32768),
    ],
)
def test_neither_scores_nor_features_are_ever_held(call, n):
    assert int(run_python(PEAK.format(call=call, n=n)).stdout) < 8 << 10  # KB: tiles and states only


# ---- features ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"kind": "hyperbolic"}, {"projection": "iid"}], ids=str)
def test_features_are_unbiased_with_the_variance_of_the_article(options):
    rng = np.random.default_rng(7)
    d, m, draws = 8, 8, 4000
    x, y = 0.25 * rng.standard_normal((2, d))  # larger ones have tails that no 4000 draws show
    means = []
    for seed in range(draws):
        features = RandomFeatures(d, m, seed=seed, **options)
        means.append(np.exp(features.log_features(x) + features.log_features(y)).mean())
    kernel, z = np.exp(x @ y), np.sum((x + y) ** 2)
    variance = np.exp(z) * kernel**2 * (1 - np.exp(-z)) / m
    assert abs(np.mean(means) - kernel) < 4 * np.sqrt(variance / draws)
    if options == {"projection": "iid"}:
        assert np.var(means) == pytest.approx(variance, rel=0.15)
    elif options == {"kind": "hyperbolic"}:
        assert np.var(means) < 1.1 * (1 - np.exp(-z)) * variance
    else:
        assert np.var(means) < variance


def test_orthogonal_rows_come_in_blocks_with_the_lengths_of_normal_ones():
    w = RandomFeatures(64, 200, seed=1).projection
    lengths = np.linalg.norm(w, axis=1)
    unit = w / lengths[:, None]
    for block in unit[:64], unit[64:128], unit[128:192], unit[192:]:
        np.testing.assert_allclose(block @ block.T, np.eye(len(block)), atol=1e-12)
    assert abs(np.mean(lengths**2) / 64 - 1) < 0.05
    np.testing.assert_allclose(np.linalg.norm(RandomFeatures(64, 9, norms="sqrt_d", seed=1).projection, axis=1), 8)


def test_a_seed_gives_the_same_features_on_every_machine():
    # NumPy keeps its generators' streams; QR is rounded by each BLAS as it likes, so iid rows are stored
    features = RandomFeatures(4, 6, projection="iid", seed=12345)
    assert features.fingerprint == RandomFeatures(4, 6, projection="iid", seed=np.random.default_rng(12345)).fingerprint
    assert features.fingerprint.startswith("7ac30b5ba30722a5")
    assert features.fingerprint != RandomFeatures(4, 6, projection="iid", seed=12346).fingerprint


def test_given_rows_are_kept():
    w = np.eye(3)
    features = RandomFeatures.from_projection(w)
    w[:] = 0
    np.testing.assert_array_equal(features.projection, np.eye(3))
    with pytest.raises(ValueError, match="projection has shape"):
        RandomFeatures.from_projection(np.ones(3))
    with pytest.raises(ValueError, match="projection must be finite"):
        RandomFeatures.from_projection([[np.nan]])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"head_dim": 0}, ValueError, "head_dim must be at least 1, got 0"),
        ({"head_dim": 1.5}, TypeError, "head_dim must be an integer, got float"),
        ({"num_features": -1}, ValueError, "num_features must be at least 1"),
        ({"kind": "relu6"}, ValueError, "kind must be one of 'positive', 'hyperbolic', got 'relu6'"),
        ({"projection": "x"}, ValueError, "projection must be one of"),
        ({"norms": "x"}, ValueError, "norms must be one of"),
        ({"kind": "hyperbolic", "num_features": 5}, ValueError, "num_features must be even"),
    ],
)
def test_wrong_features(arguments, error, message):
    with pytest.raises(error, match=message):
        RandomFeatures(**({"head_dim": 8} | arguments))


def test_features_of_another_dimension_and_negative_scale():
    q = np.ones((1, 6, 8), np.float32)
    with pytest.raises(ValueError, match=r"q has shape .*; its last axis must be 9 long, as features say"):
        random_feature_attention(q, q, q, RandomFeatures(9))
    with pytest.raises(ValueError, match="scale must be at least 0, got -1"):
        random_feature_attention(q, q, q, RandomFeatures(8), scale=-1)
    assert attention.__all__ == ["RandomFeatures", "random_feature_attention", "softmax_attention"]
