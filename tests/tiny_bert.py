# SPDX-License-Identifier: BSD-3-Clause
"""A tiny random BERT checkpoint and its forward pass one token at a time, for the tests of `fastops.transformer`."""

import json
import math

import numpy as np
import pytest

safetensors_numpy = pytest.importorskip("safetensors.numpy")

HIDDEN, HEADS, INNER, LAYERS = 32, 4, 48, 2
CONFIG = {
    "model_type": "bert",
    "vocab_size": 50,
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": INNER,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-3,
}


def random_tensors(rng):
    def layer(i):
        name = f"encoder.layer.{i}."
        sizes = {
            "attention.self.query": (HIDDEN, HIDDEN),
            "attention.self.key": (HIDDEN, HIDDEN),
            "attention.self.value": (HIDDEN, HIDDEN),
            "attention.output.dense": (HIDDEN, HIDDEN),
            "intermediate.dense": (INNER, HIDDEN),
            "output.dense": (HIDDEN, INNER),
            "attention.output.LayerNorm": (HIDDEN,),
            "output.LayerNorm": (HIDDEN,),
        }
        return {name + part: size for part, size in sizes.items()}

    tables = {"word": CONFIG["vocab_size"], "position": 16, "token_type": 2}
    sizes = {"embeddings.LayerNorm": (HIDDEN,)} | layer(0) | layer(1)
    tensors = {f"embeddings.{name}_embeddings.weight": rng.standard_normal((n, HIDDEN)) for name, n in tables.items()}
    for name, size in sizes.items():
        tensors[name + ".weight"] = rng.standard_normal(size) * (0.3 if len(size) == 2 else 0.1) + (len(size) == 1)
        tensors[name + ".bias"] = 0.1 * rng.standard_normal(size[0])
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def save(folder, tensors, **changes):
    folder.mkdir(exist_ok=True)
    config = {name: value for name, value in (CONFIG | changes).items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))
    safetensors_numpy.save_file(tensors, folder / "model.safetensors")
    return folder


SCALAR_ACTIVATIONS = {
    "gelu": lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))),
    "gelu_new": lambda x: x * 0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: max(x, 0.0),
}


def one_sequence(tensors, ids, types, activation):
    """The last hidden states of one sequence without padding, in float64, token by token and head by head."""
    t = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}

    def linear(name, x):
        return t[name + ".weight"] @ x + t[name + ".bias"]

    def norm(name, x):
        x = (x - x.mean()) / math.sqrt(((x - x.mean()) ** 2).mean() + CONFIG["layer_norm_eps"])
        return x * t[name + ".weight"] + t[name + ".bias"]

    def embedding(p, token, kind):
        words, positions, kinds = (t[f"embeddings.{n}_embeddings.weight"] for n in ("word", "position", "token_type"))
        return norm("embeddings.LayerNorm", words[token] + positions[p] + kinds[kind])

    def attend(q, keys, values):
        weights = [math.exp(q @ k / math.sqrt(len(q))) for k in keys]
        return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)

    states = [embedding(p, token, kind) for p, (token, kind) in enumerate(zip(ids, types, strict=True))]
    for i in range(LAYERS):
        name = f"encoder.layer.{i}."
        q, k, v = (
            [np.split(linear(f"{name}attention.self.{role}", x), HEADS) for x in states]
            for role in ("query", "key", "value")
        )
        for p, x in enumerate(states):
            mixed = [attend(q[p][h], [key[h] for key in k], [value[h] for value in v]) for h in range(HEADS)]
            mixed = linear(name + "attention.output.dense", np.concatenate(mixed))
            x = norm(name + "attention.output.LayerNorm", x + mixed)
            inner = np.array([activation(a) for a in linear(name + "intermediate.dense", x)])
            states[p] = norm(name + "output.LayerNorm", x + linear(name + "output.dense", inner))
    return np.array(states)
