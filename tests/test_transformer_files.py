# SPDX-License-Identifier: BSD-3-Clause
"""`fastops.transformer`: checkpoints in every form, text, and files that are missing or damaged."""

import json
import struct
import subprocess
import sys

import numpy as np
import pytest

from fastops.transformer import Bert, find_package_model
from tiny_bert import HIDDEN, random_tensors, safetensors_numpy, save

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "short", "text", "longer", "than", "the", "others", "##s"]


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


# ---- files ----------------------------------------------------------------------------------------------------------


def bfloat16(tensors):
    """Cut to bfloat16, as float32 arrays."""
    return {name: (x.view(np.uint32) & 0xFFFF0000).view(np.float32) for name, x in tensors.items()}


def save_bfloat16(file, tensors):
    header, data = {}, b""
    for name, x in bfloat16(tensors).items():
        part = (x.view(np.uint32) >> 16).astype("<u2").tobytes()
        header[name] = {"dtype": "BF16", "shape": x.shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_float_types_are_converted(folder, model, tensors, dtype, batch):
    stored = {name: x.astype(dtype) for name, x in tensors.items()}
    save(folder, stored)
    other = Bert.load(folder)
    save(folder, {name: x.astype(np.float32) for name, x in stored.items()})
    np.testing.assert_array_equal(other(*batch), Bert.load(folder)(*batch), strict=True)


def test_bfloat16_without_ml_dtypes(folder, tensors, batch, monkeypatch):
    save(folder, bfloat16(tensors))
    expected = Bert.load(folder)(*batch)
    save_bfloat16(folder / "model.safetensors", tensors)
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    np.testing.assert_array_equal(Bert.load(folder)(*batch), expected, strict=True)


def shard(folder, tensors, names=("one.safetensors", "two.safetensors")):
    (folder / "model.safetensors").unlink()
    places = {name: names[i % 2] for i, name in enumerate(tensors)}
    for file in names:
        part = {name: x for name, x in tensors.items() if places[name] == file}
        safetensors_numpy.save_file(part, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return places


def test_shards(folder, model, tensors, batch):
    shard(folder, tensors)
    np.testing.assert_array_equal(Bert.load(folder)(*batch), model(*batch))


def test_prefix_old_names_and_tensors_of_a_head(folder, model, tensors, batch):
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    renamed = {}
    for name, x in tensors.items():
        tail = ".".join(name.split(".")[-2:])
        renamed["bert." + name.replace(tail, old.get(tail, tail))] = x
    save(folder, renamed | {"cls.predictions.bias": np.zeros(50, np.float32)})
    np.testing.assert_array_equal(Bert.load(folder)(*batch), model(*batch))


def test_package_model_is_found_without_importing_it(tmp_path, tensors, monkeypatch):
    assert find_package_model("no-such-distribution-here") is None
    save(tmp_path / "some_model", tensors)
    info = tmp_path / "some_model-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-model\nVersion: 1.0\n")
    (info / "RECORD").write_text("some_model/config.json,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_package_model("some-model") is None  # no weights beside the configuration
    (info / "RECORD").write_text("some_model/config.json,,\nsome_model/model.safetensors,,\n")
    assert find_package_model("some-model") == tmp_path / "some_model"
    assert "some_model" not in sys.modules
    (tmp_path / "some_model" / "config.json").unlink()
    assert find_package_model("some-model") is None


def test_import_loads_no_optional_module():
    code = "import sys, fastops.transformer; print(sorted({'safetensors', 'tokenizers', 'torch'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gpt2"}, "config.json has model_type 'gpt2'; 'bert' is supported"),
        ({"hidden_size": None}, "config.json has no hidden_size"),
        ({"hidden_size": "32"}, "config.json has hidden_size '32'; an integer"),
        ({"hidden_act": "silu"}, "hidden_act 'silu'; supported: gelu, gelu_new, relu"),
        ({"num_attention_heads": 5}, "hidden_size 32, which 5 heads do not divide"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type 'relative_key'; 'absolute' is"),
        ({"intermediate_size": 64}, r"intermediate.dense.weight in .*safetensors has shape \(48, 32\); .*\(64, 32\)"),
        ({"num_hidden_layers": 3}, "lacks the tensor encoder.layer.2.attention.self.query.weight and 15 more"),
    ],
)
def test_configuration_that_does_not_suit(folder, tensors, changes, message):
    save(folder, tensors, **changes)
    with pytest.raises(ValueError, match=message):
        Bert.load(folder)


def test_missing_files(folder, tensors):
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        Bert.load(folder / "nowhere")
    shard(folder, tensors)
    (folder / "two.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no two.safetensors, which model.safetensors.index.json names"):
        Bert.load(folder)
    (folder / "model.safetensors.index.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"has neither model.safetensors nor model.safetensors.index.json"):
        Bert.load(folder)
    (folder / "pytorch_model.bin").touch()
    with pytest.raises(FileNotFoundError, match=r"pytorch_model\.bin is not read"):
        Bert.load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no config.json"):
        Bert.load(folder)


@pytest.mark.parametrize("kept", [0, 5, 200, -4])
def test_truncated_weights(folder, kept):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"model.safetensors is not a whole safetensors file"):
        Bert.load(folder)


def test_damaged_index(folder, tensors):
    places = shard(folder, tensors)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places | {"another": "one.safetensors"}}))
    with pytest.raises(ValueError, match=r"one.safetensors lacks another, which model.safetensors.index.json places"):
        Bert.load(folder)
    index.write_text(json.dumps({"weight_map": places | {"another": "../one.safetensors"}}))
    with pytest.raises(ValueError, match=r"places another in '\.\./one.safetensors'; the name of a file"):
        Bert.load(folder)
    for text in "{}", '{"weight_map": ', "[]":
        index.write_text(text)
        with pytest.raises(ValueError, match=r"model.safetensors.index.json"):
            Bert.load(folder)


def test_integer_weights(folder, tensors):
    name = "encoder.layer.0.output.dense.bias"
    save(folder, tensors | {name: np.zeros(HIDDEN, np.int32)})
    with pytest.raises(ValueError, match=f"{name} in .* has dtype I32; supported: F16, BF16, F32, F64"):
        Bert.load(folder)


# ---- text -----------------------------------------------------------------------------------------------------------

TEXTS = ["a short text", "a text longer than the others", "text", "shorts", "a longer text than the text"]


@pytest.fixture
def text_model(folder):
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(3)  # what the file says of lengths does not count
    tokenizer.enable_padding(length=12)
    tokenizer.save(str(folder / "tokenizer.json"))
    return Bert.load(folder)


def describe(folder, pooling, *, normalize):
    kinds = ["Transformer", "Pooling", *(["Normalize"] if normalize else [])]
    modules = [{"idx": i, "path": f"{i}_{kind}", "type": f"library.models.{kind}"} for i, kind in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


def test_tokens(text_model, folder):
    assert text_model.tokenize(["a short text", "shorts cut"]) == [[2, 4, 5, 6, 3], [2, 5, 11, 1, 3]]
    assert text_model.tokenize(["a short text"], max_length=4) == [[2, 4, 5, 3]]
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 5}')
    assert text_model.tokenize(["a short text a short text"]) == [[2, 4, 5, 6, 3]]


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_embeddings_are_mean_states_of_length_one(text_model, batch_size):
    states = [text_model(np.array([ids]))[0] for ids in text_model.tokenize(TEXTS)]
    expected = np.array([x.mean(axis=0) / np.linalg.norm(x.mean(axis=0)) for x in states])
    np.testing.assert_allclose(text_model.embed(TEXTS, batch_size=batch_size), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "pool"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, lambda x: x[0]),
        ({"pooling_mode_max_tokens": True}, lambda x: x.max(axis=0)),
        ({"pooling_mode": "mean"}, lambda x: x.mean(axis=0)),
    ],
)
def test_other_pooling(text_model, folder, settings, pool):
    describe(folder, settings, normalize=False)
    expected = [pool(text_model(np.array([ids]))[0]) for ids in text_model.tokenize(TEXTS)]
    np.testing.assert_allclose(text_model.embed(TEXTS), expected, atol=1e-6)


def test_texts_of_similar_length_share_a_batch(text_model):
    rows = []

    def matmul(a, b):
        rows.append(a.shape[0])
        return a @ b

    text_model.embed(["text", "a longer text than the others"] * 4, batch_size=4, matmul=matmul)
    assert sorted(set(rows)) == [4 * 3, 4 * 8]


def test_no_text(text_model):
    assert text_model.embed([]).shape == (0, HIDDEN)


@pytest.mark.parametrize("name", ["safetensors", "tokenizers"])
def test_missing_extra(text_model, folder, name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=rf"needs {name}: pip install 'fastops-kernels\[checkpoint\]'"):
        Bert.load(folder).embed(["a text"], max_length=11)


def test_wrong_text(text_model, folder):
    with pytest.raises(TypeError, match="texts must be a sequence of str"):
        text_model.embed("a text")
    with pytest.raises(TypeError, match="texts must be a sequence of str"):
        text_model.tokenize([b"a text"])
    with pytest.raises(ValueError, match="max_length must be at most 16"):
        text_model.tokenize(["a"], max_length=17)
    with pytest.raises(ValueError, match="max_length must be at least 3"):
        text_model.tokenize(["a"], max_length=2)
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        text_model.embed(["a"], batch_size=0)
    describe(folder, {"pooling_mode_weightedmean_tokens": True}, normalize=True)
    with pytest.raises(ValueError, match="asks for pooling pooling_mode_weightedmean_tokens"):
        text_model.embed(["a"])
    (folder / "modules.json").write_text('[{"type": "library.models.Dense"}]')
    with pytest.raises(ValueError, match=r"modules.json asks for Dense"):
        text_model.embed(["a"])
    (folder / "modules.json").unlink()
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match=r"tokenizer.json is not a valid tokenizer"):
        text_model.embed(["a"])
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no tokenizer\.json, which text needs"):
        text_model.embed(["a"])
