# SPDX-License-Identifier: BSD-3-Clause
"""`fastops.transformer` on a tiny random BERT: the forward pass and what is plugged into it."""

import math
from functools import partial

import numpy as np
import pytest

from fastops import attention, mitchell
from fastops.reference.attention import softmax_attention
from fastops.transformer import Bert
from fastops.transformer.layers import erf, gelu
from tiny_bert import HEADS, HIDDEN, INNER, LAYERS, SCALAR_ACTIVATIONS, one_sequence, random_tensors, save

LINEARS_OF_A_LAYER = 6


@pytest.fixture
def tensors():
    return random_tensors(np.random.default_rng(0))


@pytest.fixture
def folder(tmp_path, tensors):
    return save(tmp_path / "model", tensors)


@pytest.fixture
def model(folder):
    return Bert.load(folder)


@pytest.fixture
def batch():
    ids = np.random.default_rng(1).integers(0, 50, (3, 9))
    mask = np.arange(9) < np.array([9, 4, 1])[:, None]
    return ids, mask


@pytest.mark.parametrize("name", SCALAR_ACTIVATIONS)
def test_forward_pass_is_the_definition(tmp_path, tensors, name):
    folder = save(tmp_path / "model", tensors, hidden_act=name)
    rng = np.random.default_rng(2)
    ids, types = rng.integers(0, 50, (2, 7)), rng.integers(0, 2, (2, 7))
    expected = [one_sequence(tensors, *row, SCALAR_ACTIVATIONS[name]) for row in zip(ids, types, strict=True)]
    np.testing.assert_allclose(Bert.load(folder, dtype=np.float64)(ids, None, types), expected, atol=1e-13)
    hidden = Bert.load(folder)(ids, token_type_ids=types)
    assert hidden.dtype == np.float32
    np.testing.assert_allclose(hidden, expected, atol=5e-6)


def test_padding_changes_nothing(model, batch):
    ids, mask = batch
    padded = model(ids, mask)
    for row, kept, states in zip(ids, mask, padded, strict=True):
        alone = model(row[kept][None])[0]
        np.testing.assert_allclose(states[kept], alone, atol=1e-6)
    other = np.where(mask, ids, 0)
    np.testing.assert_array_equal(model(other, mask.astype(np.int64))[mask], padded[mask])


def test_a_sequence_of_padding_only_is_finite(model, batch):
    ids, mask = batch
    assert np.isfinite(model(ids, mask & [[True], [False], [True]])).all()


def test_empty_batch(model):
    assert model(np.zeros((0, 5), int)).shape == (0, 5, HIDDEN)
    assert model(np.zeros((2, 0), int)).shape == (2, 0, HIDDEN)


def test_inputs_do_not_change(model, batch):
    for array in (*batch, types := np.ones((3, 9), np.int8)):
        array.flags.writeable = False
    model(*batch, types)


def test_every_linear_layer_goes_through_matmul(model, batch):
    calls = []

    def matmul(a, b):
        assert a.flags.c_contiguous
        assert b.flags.c_contiguous
        calls.append((a.shape, b.shape, a.dtype, b.dtype))
        return np.asfortranarray(a @ b)

    ids, mask = batch
    np.testing.assert_allclose(model(ids, mask, matmul=matmul), model(ids, mask), atol=1e-6)
    assert len(calls) == LAYERS * LINEARS_OF_A_LAYER
    rows, f32 = ids.size, np.dtype(np.float32)
    square = ((rows, HIDDEN), (HIDDEN, HIDDEN), f32, f32)
    wide = [((rows, HIDDEN), (HIDDEN, INNER), f32, f32), ((rows, INNER), (INNER, HIDDEN), f32, f32)]
    assert calls[:LINEARS_OF_A_LAYER] == [square] * 4 + wide


def test_mitchell_products_give_similar_states(model, batch):
    ids, _ = batch
    exact, approximate = model(ids), model(ids, matmul=mitchell.matmul)
    cosine = (exact * approximate).sum() / np.linalg.norm(exact) / np.linalg.norm(approximate)
    assert 0.97 < cosine < 0.99999


def test_attention_can_be_replaced(model, batch):
    ids, mask = batch
    seen = []

    def exact(q, k, v, *, key_log_weight):
        seen.append((q, k, v, key_log_weight))
        return softmax_attention(q, k, v, key_log_weight=key_log_weight)

    np.testing.assert_array_equal(model(ids, mask, attention=exact), model(ids, mask))
    assert len(seen) == LAYERS
    for layer, (q, k, v, weight) in enumerate(seen):
        assert q.shape == k.shape == v.shape == (3, HEADS, 9, HIDDEN // HEADS)
        np.testing.assert_array_equal(weight, np.where(mask, np.float32(0), -np.inf)[:, None], strict=True)
        for ours, theirs in zip(model.qkv(layer, ids, mask), (q, k, v), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    model(ids, np.ones_like(mask), attention=exact)
    assert seen[-1][3] is None


def test_our_attention_plugs_in(model, batch):
    ids, mask = batch
    np.testing.assert_allclose(model(ids, mask, attention=attention.softmax_attention), model(ids, mask), atol=1e-5)
    features = attention.RandomFeatures(HIDDEN // HEADS, 64, seed=0)
    estimated = model(ids, mask, attention=partial(attention.random_feature_attention, features=features))
    assert np.isfinite(estimated).all()
    np.testing.assert_allclose(estimated[2], model(ids, mask)[2], atol=1e-5)  # one key: whatever its weight, its value


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf(dtype):
    x = np.concatenate([np.linspace(-7, 7, 20001), 10.0 ** np.arange(-30, 30), [0, np.inf, -np.inf]]).astype(dtype)
    expected = np.array([math.erf(a) for a in x.tolist()])
    np.testing.assert_allclose(erf(x), expected, atol=1.5e-7 if dtype == np.float32 else 0, rtol=0)
    np.testing.assert_array_equal(erf(-x), -erf(x))
    assert np.isnan(erf(np.array([np.nan], dtype))).all()
    assert gelu(x[:20001]).dtype == dtype


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"token_ids": [1, 2]}, ValueError, r"token_ids must have shape \(batch, tokens\), got \(2,\)"),
        ({"token_ids": [[1.0]]}, TypeError, "token_ids must be integers, got float64"),
        ({"token_ids": [[50]]}, ValueError, "token_ids must be from 0 to 49, got 50 to 50"),
        ({"token_ids": [[-1]]}, ValueError, "token_ids must be from 0 to 49"),
        ({"token_ids": np.ones((1, 17), int)}, ValueError, "token_ids has 17 tokens a row; at most 16 fit"),
        ({"attention_mask": [[1]]}, ValueError, r"attention_mask has shape \(1, 1\); \(1, 3\) is needed"),
        ({"attention_mask": [[True]]}, ValueError, r"attention_mask has shape \(1, 1\); \(1, 3\) is needed"),
        ({"attention_mask": [[1, 2, 1]]}, ValueError, "attention_mask must be from 0 to 1"),
        ({"token_type_ids": [[0, 2, 0]]}, ValueError, "token_type_ids must be from 0 to 1"),
        ({"matmul": lambda a, b: a}, ValueError, r"matmul returned shape \(3, 32\) for \(3, 32\) and \(32, 48\)"),
        ({"attention": lambda q, k, v, key_log_weight: v[:1, :1]}, ValueError, "attention returned shape"),
    ],
)
def test_wrong_arguments(model, arguments, error, message):
    with pytest.raises(error, match=message):
        model(**({"token_ids": [[1, 2, 3]]} | arguments))


def test_wrong_layer_or_type(model, folder):
    with pytest.raises(ValueError, match="layer must be from 0 to 1, got 2"):
        model.qkv(2, [[1]])
    with pytest.raises(TypeError, match="dtype must be float32 or float64, got float16"):
        Bert.load(folder, dtype=np.float16)
