# SPDX-License-Identifier: BSD-3-Clause
"""From text to tokens, and from hidden states to one vector a text, as a model folder describes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checkpoint import optional_module, read_json

_MIN_NORM = 1e-12  # a zero vector stays zero


@dataclass(frozen=True)
class Pipeline:
    """What is done with the hidden states of a text.

    Attributes
    ----------
    pooling : {"mean", "cls", "max"}
        Mean or maximum over the tokens of the text, or its first token.
    normalize : bool
        Whether the vector is divided by its length.
    max_length : int or None
        Tokens at which a text is cut.
    """

    pooling: str = "mean"
    normalize: bool = True
    max_length: int | None = None

    @classmethod
    def read(cls, folder: Path) -> "Pipeline":
        """Read modules.json and what it names; without it, the mean of the tokens, normalised."""
        limit_file, modules_file = folder / "sentence_bert_config.json", folder / "modules.json"
        max_length = read_json(limit_file).get("max_seq_length") if limit_file.is_file() else None
        if not modules_file.is_file():
            return cls(max_length=max_length)
        modules = read_json(modules_file, list)
        kinds = {str(module["type"]).rsplit(".", 1)[-1]: str(module.get("path", "")) for module in modules}
        unknown = kinds.keys() - {"Transformer", "Pooling", "Normalize"}
        if unknown:
            raise ValueError(f"{modules_file} asks for {min(unknown)}; supported: Transformer, Pooling, Normalize")
        pooling = _pooling(folder / kinds["Pooling"] / "config.json") if "Pooling" in kinds else "mean"
        return cls(pooling, "Normalize" in kinds, max_length)

    def apply(self, hidden: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
        """Pool (batch, tokens, n) hidden states under a (batch, tokens) mask to (batch, n)."""
        if self.pooling == "cls":
            vectors = hidden[:, 0].copy()
        elif self.pooling == "max":
            vectors = np.where(mask[..., np.newaxis], hidden, -np.inf).max(axis=1)
        else:
            kept = mask.astype(hidden.dtype)
            total = np.matmul(kept[:, np.newaxis], hidden)[:, 0]
            vectors = total / np.maximum(kept.sum(axis=1, keepdims=True), 1)
        if self.normalize:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _MIN_NORM)
        return vectors


def _pooling(file: Path) -> str:
    settings = read_json(file)
    flags = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max"}
    chosen = [name for name, on in settings.items() if name.startswith("pooling_mode_") and on is True]
    modes = [flags.get(name, name) for name in chosen] or [settings.get("pooling_mode", "mean")]
    if len(modes) != 1 or modes[0] not in flags.values():
        raise ValueError(f"{file} asks for pooling {', '.join(map(str, modes))}; one of mean, cls, max is supported")
    return str(modes[0])


def _open_tokenizer(file: Path, changed: int, max_length: int) -> Any:
    """The tokenizer of a file, cutting at max_length tokens; one object a length, because that is its state."""
    library = optional_module("tokenizers", "reading text")
    try:
        tokenizer = library.Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises no other type
        raise ValueError(f"{file} is not a valid tokenizer: {error}") from None
    least = tokenizer.num_special_tokens_to_add(False) + 1
    if max_length < least:
        raise ValueError(f"max_length must be at least {least}, one token beside the special ones, got {max_length}")
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return tokenizer


_tokenizer = lru_cache(maxsize=8)(_open_tokenizer)


def tokenize(folder: Path, texts: Sequence[str], max_length: int) -> list[list[int]]:
    """Token ids of each text, special tokens included."""
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        raise TypeError("texts must be a sequence of str")
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise FileNotFoundError(f"{folder} has no {file.name}, which text needs")
    encodings = _tokenizer(file, file.stat().st_mtime_ns, max_length).encode_batch(list(texts))
    return [list(encoding.ids) for encoding in encodings]
