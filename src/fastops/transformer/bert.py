# SPDX-License-Identifier: BSD-3-Clause
"""BERT encoders: post-LayerNorm, learned positions, biases everywhere."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..reference.attention import softmax_attention
from .bert_files import LINEARS, NORMS, TABLES, BertConfig, read_tensors
from .checkpoint import CONFIG
from .layers import ACTIVATIONS, LayerNorm, Linear, Matmul, activate
from .text import Pipeline, tokenize

Array = NDArray[Any]
Attention = Callable[..., Array]


@dataclass(frozen=True, eq=False)
class _Layer:
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    attention_norm: LayerNorm
    up: Linear
    down: Linear
    output_norm: LayerNorm


class Bert:
    """A BERT encoder in NumPy; `Bert.load` makes one.

    Attributes
    ----------
    folder : Path
        Where it was read.
    config : BertConfig
        Sizes, under the names of config.json.
    dtype : numpy.dtype
        What it computes in.

    Notes
    -----
    Instances are not changed by use, and may be used from many threads.

    Source: J. Devlin, M.-W. Chang, K. Lee, K. Toutanova, BERT (2018).

    Examples
    --------
    >>> from fastops import mitchell, transformer
    >>> model = transformer.Bert.load(transformer.find_package_model())  # doctest: +SKIP
    >>> exact = model.embed(["a text", "another"])  # doctest: +SKIP
    >>> approximate = model.embed(["a text", "another"], matmul=mitchell.matmul)  # doctest: +SKIP
    >>> (exact * approximate).sum(axis=1).round(3)  # doctest: +SKIP
    array([0.996, 0.981], dtype=float32)
    """

    def __init__(self, folder: Path, config: BertConfig, tensors: dict[str, Array]) -> None:
        def linear(name: str) -> Linear:
            return Linear(np.ascontiguousarray(tensors.pop(f"{name}.weight").T), tensors.pop(f"{name}.bias"))

        def norm(name: str) -> LayerNorm:
            return LayerNorm(tensors.pop(f"{name}.weight"), tensors.pop(f"{name}.bias"), config.layer_norm_eps)

        self.folder, self.config = folder, config
        self._words, self._positions, self._types = (tensors.pop(f"embeddings.{name}.weight") for name in TABLES)
        self._norm = norm("embeddings.LayerNorm")
        self._layers = []
        for i in range(config.num_hidden_layers):
            prefix = f"encoder.layer.{i}."
            parts: dict[str, Any] = {role: linear(prefix + name) for role, (name, _, _) in LINEARS.items()}
            parts |= {role: norm(prefix + name) for role, name in NORMS.items()}
            self._layers.append(_Layer(**parts))
        self.dtype = self._words.dtype

    def __repr__(self) -> str:
        c = self.config
        return f"Bert({c.num_hidden_layers} layers, hidden size {c.hidden_size}, {c.num_attention_heads} heads)"

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, dtype: Any = np.float32) -> Self:
        """Read a model folder in the Hugging Face layout.

        Parameters
        ----------
        folder : path
            With config.json, model.safetensors (or its shards and their index), and for text tokenizer.json.
        dtype : {float32, float64}
            What to compute in. Tensors of float16, bfloat16, float32 or float64 are converted to it.

        Returns
        -------
        Bert

        Raises
        ------
        FileNotFoundError
            If the folder or a file is missing.
        ValueError
            If a file is damaged, the model is not a BERT, has options that are not supported, or a tensor is missing or
            has another shape than config.json says. Other tensors, such as those of a head, are ignored.
        ModuleNotFoundError
            If safetensors is not installed.
        """
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise TypeError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
        path = Path(folder)
        config = BertConfig.read(path / CONFIG)
        return cls(path, config, read_tensors(path, config, np.dtype(dtype)))

    def __call__(
        self,
        token_ids: ArrayLike,
        attention_mask: ArrayLike | None = None,
        token_type_ids: ArrayLike | None = None,
        *,
        matmul: Matmul = np.matmul,
        attention: Attention | None = None,
    ) -> Array:
        """Return the hidden states of the last layer.

        Parameters
        ----------
        token_ids : array_like of int, shape (batch, tokens)
        attention_mask : array_like of bool or int, shape (batch, tokens), optional
            1 for tokens, 0 for padding, which no token then attends to. Default: all are tokens.
        token_type_ids : array_like of int, shape (batch, tokens), optional
            Default: 0.
        matmul : callable
            ``matmul(a, b)`` is the product of two contiguous matrices; called for every linear layer.
        attention : callable, optional
            ``attention(q, k, v, key_log_weight=w)`` for q, k, v of shape (batch, heads, tokens, head_dim), in any
            strides, and w either None or of shape (batch, 1, tokens), 0 or -inf. Called once a layer, in order.
            Default: exact, in NumPy.

        Returns
        -------
        ndarray, shape (batch, tokens, hidden_size)

        Raises
        ------
        TypeError
            If ids are not integers.
        ValueError
            If shapes differ, an id is out of range, or there are more tokens than the model has positions.
        """
        ids, weight, types = self._inputs(token_ids, attention_mask, token_type_ids)
        x = self._embed(ids, types)
        for layer in self._layers:
            x = self._forward(layer, x, ids.shape, weight, matmul, attention or softmax_attention)
        return x.reshape(*ids.shape, self.config.hidden_size)

    def qkv(
        self,
        layer: int,
        token_ids: ArrayLike,
        attention_mask: ArrayLike | None = None,
        token_type_ids: ArrayLike | None = None,
    ) -> tuple[Array, Array, Array]:
        """Return the queries, keys and values of one layer.

        Parameters
        ----------
        layer : int
            From 0.
        token_ids, attention_mask, token_type_ids
            As for a call of the model.

        Returns
        -------
        q, k, v : ndarray, shape (batch, heads, tokens, head_dim)

        Raises
        ------
        TypeError, ValueError
            As for a call of the model; if there is no such layer.
        """
        if not 0 <= layer < len(self._layers):
            raise ValueError(f"layer must be from 0 to {len(self._layers) - 1}, got {layer}")
        ids, weight, types = self._inputs(token_ids, attention_mask, token_type_ids)
        x = self._embed(ids, types)
        for before in self._layers[:layer]:
            x = self._forward(before, x, ids.shape, weight, np.matmul, softmax_attention)
        q, k, v = self._project(self._layers[layer], x, ids.shape, np.matmul)
        return q, k, v

    def tokenize(self, texts: Sequence[str], *, max_length: int | None = None) -> list[list[int]]:
        """Return the token ids of each text, special tokens included.

        Parameters
        ----------
        texts : sequence of str
        max_length : int, optional
            Tokens at which a text is cut. Default: what sentence_bert_config.json says, or else as many as the model
            has positions.

        Returns
        -------
        list of list of int

        Raises
        ------
        TypeError, ValueError, FileNotFoundError, ModuleNotFoundError
            If `texts` is not a sequence of str, `max_length` does not suit the model, tokenizer.json is missing or
            damaged, or tokenizers is not installed.
        """
        most = self.config.max_position_embeddings
        if max_length is None:
            max_length = min(Pipeline.read(self.folder).max_length or most, most)
        if max_length > most:
            raise ValueError(f"max_length must be at most {most}, the positions of the model, got {max_length}")
        return tokenize(self.folder, texts, max_length)

    def embed(
        self,
        texts: Sequence[str],
        *,
        max_length: int | None = None,
        batch_size: int = 32,
        matmul: Matmul = np.matmul,
        attention: Attention | None = None,
    ) -> Array:
        """Return one vector a text, as the sentence-transformers library does.

        Parameters
        ----------
        texts : sequence of str
        max_length : int, optional
            As for `tokenize`.
        batch_size : int
            Texts in a forward pass; texts of similar length share one.
        matmul, attention : callable, optional
            As for a call of the model.

        Returns
        -------
        ndarray, shape (len(texts), hidden_size)
            Pooled and normalised as modules.json says; without it, the mean over the tokens, of length 1.

        Raises
        ------
        TypeError, ValueError, FileNotFoundError, ModuleNotFoundError
            As for `tokenize`; if `batch_size` is below 1, or modules.json asks for steps that are not supported.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        pipeline = Pipeline.read(self.folder)
        tokens = self.tokenize(texts, max_length=max_length)
        vectors = np.empty((len(tokens), self.config.hidden_size), self.dtype)
        by_length = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        for start in range(0, len(tokens), batch_size):
            chosen = by_length[start : start + batch_size]
            lengths = np.array([len(tokens[i]) for i in chosen])
            mask = np.arange(lengths.max()) < lengths[:, np.newaxis]
            ids = np.full(mask.shape, self.config.pad_token_id)
            ids[mask] = np.concatenate([tokens[i] for i in chosen])
            vectors[chosen] = pipeline.apply(self(ids, mask, matmul=matmul, attention=attention), mask)
        return vectors

    def _inputs(
        self, token_ids: ArrayLike, attention_mask: ArrayLike | None, token_type_ids: ArrayLike | None
    ) -> tuple[Array, Array | None, Array]:
        """Checked ids, log-weights of the keys (None where nothing is masked), and types."""
        config = self.config
        ids = np.asarray(token_ids)
        if ids.ndim != 2:
            raise ValueError(f"token_ids must have shape (batch, tokens), got {ids.shape}")
        if ids.shape[1] > config.max_position_embeddings:
            raise ValueError(f"token_ids has {ids.shape[1]} tokens a row; at most {config.max_position_embeddings} fit")
        types = np.zeros(ids.shape, np.intp) if token_type_ids is None else np.asarray(token_type_ids)
        _check_ids("token_ids", ids, ids.shape, config.vocab_size)
        _check_ids("token_type_ids", types, ids.shape, config.type_vocab_size)
        if attention_mask is None:
            return ids, None, types
        mask = np.asarray(attention_mask)
        if mask.dtype != np.bool_:
            _check_ids("attention_mask", mask, ids.shape, 2)
        elif mask.shape != ids.shape:
            raise ValueError(f"attention_mask has shape {mask.shape}; {ids.shape} is needed")
        if mask.all():
            return ids, None, types
        return ids, np.where(mask, 0, -np.inf).astype(self.dtype)[:, np.newaxis], types

    def _embed(self, ids: Array, types: Array) -> Array:
        """The input of layer 0, (batch * tokens, hidden_size)."""
        x = self._words[ids] + self._types[types]
        x += self._positions[: ids.shape[1]]
        return self._norm(x.reshape(-1, self.config.hidden_size))

    def _project(self, layer: _Layer, x: Array, shape: tuple[int, ...], matmul: Matmul) -> list[Array]:
        """q, k and v as views of shape (batch, heads, tokens, head_dim)."""
        heads = self.config.num_attention_heads
        split = (*shape, heads, self.config.hidden_size // heads)
        return [linear(x, matmul).reshape(split).swapaxes(1, 2) for linear in (layer.query, layer.key, layer.value)]

    def _forward(
        self,
        layer: _Layer,
        x: Array,
        shape: tuple[int, ...],
        weight: Array | None,
        matmul: Matmul,
        attention: Attention,
    ) -> Array:
        """One layer, of and on (batch * tokens, hidden_size)."""
        q, k, v = self._project(layer, x, shape, matmul)
        mixed = np.asarray(attention(q, k, v, key_log_weight=weight))
        if mixed.shape != q.shape:
            raise ValueError(f"attention returned shape {mixed.shape} for queries of shape {q.shape}")
        mixed = mixed.swapaxes(1, 2).reshape(x.shape).astype(x.dtype, copy=False)
        x = layer.attention_norm(x + layer.output(mixed, matmul))
        inner = layer.up(x, matmul)
        activate(ACTIVATIONS[self.config.hidden_act], inner)
        return layer.output_norm(x + layer.down(inner, matmul))


def _check_ids(name: str, ids: Array, shape: tuple[int, ...], count: int) -> None:
    if ids.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got {ids.dtype}")
    if ids.shape != shape:
        raise ValueError(f"{name} has shape {ids.shape}; {shape} is needed")
    if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) < count:
        raise ValueError(f"{name} must be from 0 to {count - 1}, got {ids.min()} to {ids.max()}")
