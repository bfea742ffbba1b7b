# SPDX-License-Identifier: BSD-3-Clause
"""`fastops.sinusoidal.encode` against the encodings that models of transformers build."""

import numpy as np
import pytest

from fastops import sinusoidal
from peers import peer

pytestmark = pytest.mark.oracle


def test_distilbert_is_interleaved():
    torch = peer("torch")
    code = peer("transformers.models.distilbert.modeling_distilbert")
    want = code.create_sinusoidal_embeddings(512, 96, torch.empty(512, 96)).numpy()
    np.testing.assert_allclose(sinusoidal.encode(np.arange(512), 96), want, rtol=0, atol=6e-8)


@pytest.mark.parametrize("dim", [64, 65])
def test_m2m_100_is_fairseqs(dim):
    code = peer("transformers.models.m2m_100.modeling_m2m_100")
    want = code.M2M100SinusoidalPositionalEmbedding.get_embedding(300, dim, padding_idx=1).numpy()
    got = sinusoidal.encode(np.arange(300), dim, layout="sin_cos", shift=1, padding_index=1)
    np.testing.assert_allclose(got, want, rtol=0, atol=300 * 2.0**-22)  # angles in float32
