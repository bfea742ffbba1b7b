# SPDX-License-Identifier: BSD-3-Clause
"""What the files of a BERT checkpoint hold: the fields of config.json, the names and shapes of the tensors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from .checkpoint import CONFIG, Checkpoint, read_json
from .layers import ACTIVATIONS


@dataclass(frozen=True)
class BertConfig:
    """The fields of config.json that the forward pass needs, under their names there."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-12
    pad_token_id: int = 0

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a file; a ValueError names what is missing or not supported."""
        content = read_json(file)
        if content.get("model_type") != "bert":
            raise ValueError(f"{file} has model_type {content.get('model_type')!r}; 'bert' is supported")
        for name, value in (("position_embedding_type", "absolute"), ("is_decoder", False)):
            if content.get(name, value) != value:
                raise ValueError(f"{file} has {name} {content[name]!r}; {value!r} is supported")
        fields: dict[str, Any] = {}
        for name, field in cls.__dataclass_fields__.items():
            if content.get(name) is not None:
                fields[name] = content[name]
            elif isinstance(field.default, (str, int, float)):
                continue
            else:
                raise ValueError(f"{file} has no {name}")
            if field.type is int and (type(fields[name]) is not int or fields[name] < 0):
                raise ValueError(f"{file} has {name} {fields[name]!r}; an integer of at least 0 is needed")
        config = cls(**fields)
        if config.hidden_act not in ACTIVATIONS:
            raise ValueError(f"{file} has hidden_act {config.hidden_act!r}; supported: {', '.join(ACTIVATIONS)}")
        if config.num_attention_heads == 0 or config.hidden_size % config.num_attention_heads:
            raise ValueError(
                f"{file} has hidden_size {config.hidden_size}, which {config.num_attention_heads} heads do not divide"
            )
        return config


# Role in a layer -> name in the file, and for linear maps the sizes (out, in), as the fields of config.json.
LINEARS = {
    "query": ("attention.self.query", "hidden_size", "hidden_size"),
    "key": ("attention.self.key", "hidden_size", "hidden_size"),
    "value": ("attention.self.value", "hidden_size", "hidden_size"),
    "output": ("attention.output.dense", "hidden_size", "hidden_size"),
    "up": ("intermediate.dense", "intermediate_size", "hidden_size"),
    "down": ("output.dense", "hidden_size", "intermediate_size"),
}
NORMS = {"attention_norm": "attention.output.LayerNorm", "output_norm": "output.LayerNorm"}
TABLES = {
    "word_embeddings": "vocab_size",
    "position_embeddings": "max_position_embeddings",
    "token_type_embeddings": "type_vocab_size",
}


def _shapes(config: BertConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that is read, without the prefix of the file."""
    size = vars(config)
    hidden = config.hidden_size
    shapes: dict[str, tuple[int, ...]] = {f"embeddings.{name}.weight": (size[n], hidden) for name, n in TABLES.items()}
    norms = ["embeddings.LayerNorm"]
    for i in range(config.num_hidden_layers):
        for name, rows, columns in LINEARS.values():
            shapes[f"encoder.layer.{i}.{name}.weight"] = (size[rows], size[columns])
            shapes[f"encoder.layer.{i}.{name}.bias"] = (size[rows],)
        norms += [f"encoder.layer.{i}.{name}" for name in NORMS.values()]
    return shapes | {f"{norm}.{part}": (hidden,) for norm in norms for part in ("weight", "bias")}


def read_tensors(folder: Path, config: BertConfig, dtype: Any) -> dict[str, NDArray[Any]]:
    """All tensors, one at a time, after the names and shapes of all of them are known to be right.

    Names may start with ``bert.``, as in a model with a head, and may be the old ones of LayerNorm.
    """
    shapes = _shapes(config)
    with Checkpoint(folder) as checkpoint:
        places = {}
        for name in shapes:
            old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
            places[name] = next((p + n for n in (name, old) for p in ("", "bert.") if p + n in checkpoint), None)
        missing = [name for name, place in places.items() if place is None]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise ValueError(f"the checkpoint in {folder} lacks the tensor {missing[0]}{more}, which {CONFIG} asks for")
        found = {name: place for name, place in places.items() if place is not None}
        for name, place in found.items():
            checkpoint.check(place, shapes[name])
        return {name: checkpoint.read(place, dtype) for name, place in found.items()}
