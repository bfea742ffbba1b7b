# SPDX-License-Identifier: BSD-3-Clause
"""Exact attention, the reference and the kernel, against torch's and the ONNX node suite."""

import importlib
import inspect

import numpy as np
import pytest

from fastops import reference
from peers import onnx_node_cases, peer

pytestmark = pytest.mark.oracle

CASES_AT_LEAST = {"reference": 75, "kernel": 6}  # of the node suite; those whose options a function has


@pytest.fixture(params=["reference", "kernel"])
def attention(request):
    """The function under test."""
    if request.param == "reference":
        return reference.attention.softmax_attention
    try:
        return importlib.import_module("fastops.attention").softmax_attention
    except ModuleNotFoundError:
        pytest.skip("fastops.attention does not exist yet")


def has(function, options):
    return options.keys() <= inspect.signature(function).parameters.keys()


# ---- torch ----------------------------------------------------------------------------------------------------------


def key_mask(rng, shape):
    mask = rng.random(shape) < 0.7
    mask[..., 0] = True
    return mask


@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-13), (np.float32, 5e-6)])
@pytest.mark.parametrize("kv_heads", [8, 2, 1])
@pytest.mark.parametrize("case", ["full", "causal", "keys masked", "bias", "scale"])
def test_torch(attention, dtype, bound, kv_heads, case):
    torch = peer("torch")
    rng = np.random.default_rng(kv_heads)
    n_kv = 70 if case == "causal" else 90
    q = rng.standard_normal((2, 8, 70, 16)).astype(dtype)
    k = rng.standard_normal((2, kv_heads, n_kv, 16)).astype(dtype)
    v = rng.standard_normal((2, kv_heads, n_kv, 24)).astype(dtype)
    ours, theirs = {}, {}
    if case == "causal":
        ours, theirs = {"causal": True}, {"is_causal": True}
    elif case == "keys masked":
        mask = key_mask(rng, (2, 1, 90))
        ours = {"key_log_weight": np.where(mask, 0, -np.inf).astype(dtype)}
        theirs = {"attn_mask": torch.from_numpy(mask[:, :, None])}
    elif case == "bias":
        bias = rng.standard_normal((2, 8, 70, 90)).astype(dtype)
        ours, theirs = {"bias": bias}, {"attn_mask": torch.from_numpy(bias)}
    elif case == "scale":
        ours, theirs = {"scale": 0.7}, {"scale": 0.7}
    if not has(attention, ours):
        pytest.skip(f"has no option {', '.join(ours)}")
    tensors = [torch.from_numpy(x) for x in (q, k, v)]
    expected = torch.nn.functional.scaled_dot_product_attention(*tensors, enable_gqa=True, **theirs).numpy()
    np.testing.assert_allclose(attention(q, k, v, **ours), expected, atol=bound)


# ---- the ONNX node suite --------------------------------------------------------------------------------------------


def heads_first(x, heads):
    """(batch, tokens, heads * lanes) -> (batch, heads, tokens, lanes)."""
    return x if x.ndim == 4 else x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def visible(n, n_kv, past, *, causal, left, right):
    """(n, n_kv) mask where query i stands at position past + i."""
    distance = np.arange(n_kv) - (past + np.arange(n)[:, None])
    seen = (distance <= 0) if causal else np.ones((n, n_kv), bool)
    return seen & ((distance >= -left) | (left < 0)) & ((distance <= right) | (right < 0))


def options_of(case, n, n_kv, past):
    """Our keyword arguments for a case; positions that are not 0, 1, ... on both sides become a bias."""
    ours = {name: case.options[name] for name in ("scale", "softcap") if case.options.get(name)}
    causal = bool(case.options.get("is_causal"))
    left, right = (case.options.get(f"{side}_window_size", -1) for side in ("left", "right"))
    masks = []
    if n == n_kv and past == 0:
        ours |= {"causal": True} if causal else {}
        ours |= {"sliding_window": (left, right)} if (left, right) != (-1, -1) else {}
    elif causal or (left, right) != (-1, -1):
        masks.append(np.where(visible(n, n_kv, past, causal=causal, left=left, right=right), 0, -np.inf))
    mask = case.inputs.get("attn_mask")
    if mask is not None:
        masks.append(np.where(mask, 0, -np.inf) if mask.dtype == bool else mask.astype(np.float64))
    return ours | ({"bias": sum(masks)} if masks else {})


def test_onnx_node_suite(attention, request):
    run = []
    for case in onnx_node_cases("Attention"):
        if "nonpad_kv_seqlen" in case.inputs:  # lengths of a padded cache
            continue
        q, k, v = (case.inputs[name] for name in "QKV")
        three_axes, expected = q.ndim == 3, case.outputs["Y"]
        q = heads_first(q, case.options.get("q_num_heads"))
        k, v = (heads_first(x, case.options.get("kv_num_heads")) for x in (k, v))
        past = 0
        if "past_key" in case.inputs:
            past = case.inputs["past_key"].shape[2]
            k = np.concatenate([case.inputs["past_key"], k], axis=2)
            v = np.concatenate([case.inputs["past_value"], v], axis=2)
        options = options_of(case, q.shape[2], k.shape[2], past)
        if not has(attention, options):
            continue
        half = q.dtype.itemsize == 2
        if half:
            q, k, v = (x.astype(np.float32) for x in (q, k, v))
        out = attention(q, k, v, **options)
        out = out.swapaxes(1, 2).reshape(expected.shape) if three_axes else out
        bound = {"rtol": 1e-2, "atol": 5e-3} if half else {"rtol": 2e-6, "atol": 1e-6}
        np.testing.assert_allclose(out.astype(float), expected.astype(float), **bound, err_msg=case.name)
        run.append(case.name)
    assert len(run) >= CASES_AT_LEAST[request.node.callspec.params["attention"]]
