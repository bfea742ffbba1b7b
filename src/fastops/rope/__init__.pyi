from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol, SupportsIndex, TypeAlias, TypeVar, overload, type_check_only

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [  # noqa: RUF022
    "DynamicNTK",
    "Frequencies",
    "Linear",
    "Llama3",
    "LongRoPE",
    "NTK",
    "Preset",
    "Proportional",
    "Rotary",
    "YaRN",
    "axes_chunked",
    "axes_grid",
    "axes_interleaved",
    "frequencies",
    "frequencies_grid",
    "frequencies_pixel",
    "from_config",
    "half_to_interleaved",
    "interleaved_to_half",
    "positions_grid",
    "positions_padded",
    "positions_ragged",
    "preset",
    "rotate",
    "rotate_qk",
    "table",
    "xpos_table",
]

_Float = TypeVar("_Float", np.float32, np.float64)
_Array = TypeVar("_Array", bound=NDArray[Any])
_Keys = TypeVar("_Keys", bound=NDArray[Any])
_Real: TypeAlias = float | np.floating[Any] | np.integer[Any]
_Precision: TypeAlias = Literal["float64", "float32"]
_Layout: TypeAlias = Literal["half", "interleaved"]
_HeadsAxis: TypeAlias = Literal[-2, -3]
_Offset: TypeAlias = int | NDArray[np.integer[Any]] | Sequence[int]

# What table() needs of its second argument: Frequencies, or an object with the same two attributes.
class _Frequencies(Protocol):
    @property
    def inverse(self) -> NDArray[Any]: ...
    @property
    def attention_factor(self) -> float: ...

class Frequencies:
    inverse: NDArray[Any]
    attention_factor: float
    def __init__(self, inverse: NDArray[Any], attention_factor: float = 1.0) -> None: ...

# What all scalings share.
@type_check_only
class _Scaling:
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

class Linear(_Scaling):
    factor: Final[float]
    def __init__(self, factor: _Real) -> None: ...

class NTK(_Scaling):
    factor: Final[float]
    def __init__(self, factor: _Real) -> None: ...

class DynamicNTK(_Scaling):
    factor: Final[float]
    original_max_position_embeddings: Final[int]
    def __init__(self, factor: _Real, original_max_position_embeddings: SupportsIndex) -> None: ...

class YaRN(_Scaling):
    factor: Final[float]
    original_max_position_embeddings: Final[int]
    beta_fast: Final[float]
    beta_slow: Final[float]
    mscale: Final[float | None]
    mscale_all_dim: Final[float | None]
    attention_factor: Final[float | None]
    truncate: Final[bool]
    def __init__(
        self,
        factor: _Real,
        original_max_position_embeddings: SupportsIndex,
        *,
        beta_fast: _Real = 32.0,
        beta_slow: _Real = 1.0,
        mscale: _Real | None = None,
        mscale_all_dim: _Real | None = None,
        attention_factor: _Real | None = None,
        truncate: bool = True,
    ) -> None: ...

class Llama3(_Scaling):
    factor: Final[float]
    original_max_position_embeddings: Final[int]
    low_freq_factor: Final[float]
    high_freq_factor: Final[float]
    def __init__(
        self,
        factor: _Real,
        original_max_position_embeddings: SupportsIndex,
        *,
        low_freq_factor: _Real = 1.0,
        high_freq_factor: _Real = 4.0,
    ) -> None: ...

class LongRoPE(_Scaling):
    short_factor: Final[tuple[float, ...]]
    long_factor: Final[tuple[float, ...]]
    original_max_position_embeddings: Final[int]
    factor: Final[float | None]
    attention_factor: Final[float | None]
    def __init__(
        self,
        short_factor: Iterable[_Real],
        long_factor: Iterable[_Real],
        original_max_position_embeddings: SupportsIndex,
        *,
        factor: _Real | None = None,
        attention_factor: _Real | None = None,
    ) -> None: ...

class Proportional(_Scaling):
    proportion: Final[float]
    factor: Final[float]
    def __init__(self, proportion: _Real, factor: _Real = 1.0) -> None: ...

def frequencies(
    rotary_dim: SupportsIndex,
    *,
    base: _Real = 10000.0,
    scaling: _Scaling | None = None,
    sequence_length: SupportsIndex | None = None,
    precision: _Precision = "float64",
) -> Frequencies: ...
def frequencies_grid(
    dims: Iterable[SupportsIndex], *, base: _Real = 10000.0, precision: _Precision = "float64"
) -> Frequencies: ...
def frequencies_pixel(rotary_dim: SupportsIndex, *, max_frequency: _Real = 10.0) -> Frequencies: ...
def from_config(
    config: Mapping[str, Any],
    *,
    layer_type: str | None = None,
    sequence_length: SupportsIndex | None = None,
    precision: _Precision = "float64",
) -> Frequencies: ...

class Preset:
    frequencies: Frequencies
    axes: NDArray[np.int64]
    layout: _Layout
    order: tuple[str, ...]
    blocks: int
    full_width: bool
    def __init__(
        self,
        frequencies: Frequencies,
        axes: NDArray[np.int64],
        layout: _Layout,
        order: tuple[str, ...],
        *,
        blocks: int = 1,
        full_width: bool = False,
    ) -> None: ...

def preset(
    name: str,
    rotary_dim: SupportsIndex,
    *,
    base: _Real | None = None,
    sections: Iterable[SupportsIndex] | None = None,
    precision: _Precision = "float64",
) -> Preset: ...
def axes_chunked(sections: Iterable[SupportsIndex]) -> NDArray[np.int64]: ...
def axes_interleaved(sections: Iterable[SupportsIndex]) -> NDArray[np.int64]: ...
def axes_grid(
    pairs: SupportsIndex,
    order: Iterable[str] = ("row", "column"),
    *,
    coordinates: Iterable[str] = ("row", "column"),
    alternating: bool = False,
) -> NDArray[np.int64]: ...
def positions_grid(
    height: SupportsIndex,
    width: SupportsIndex,
    frames: SupportsIndex | None = None,
    *,
    order: Iterable[str] | None = None,
    spacing: Literal["index", "centered", "pixel"] = "index",
    start: SupportsIndex = 0,
    merge: SupportsIndex = 1,
    prefix: SupportsIndex = 0,
) -> NDArray[Any]: ...
def positions_ragged(sequence_offsets: ArrayLike) -> NDArray[np.int64]: ...
def positions_padded(attention_mask: ArrayLike) -> NDArray[np.int64]: ...
def half_to_interleaved(
    weight: _Array, num_heads: SupportsIndex, rotary_dim: SupportsIndex | None = None
) -> _Array: ...
def interleaved_to_half(
    weight: _Array, num_heads: SupportsIndex, rotary_dim: SupportsIndex | None = None
) -> _Array: ...
@overload
def table(
    positions: ArrayLike,
    frequencies: _Frequencies,
    *,
    axes: ArrayLike | None = None,
    out: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
@overload
def table(
    positions: ArrayLike,
    frequencies: _Frequencies,
    *,
    axes: ArrayLike | None = None,
    dtype: type[_Float] | np.dtype[_Float],
    out: tuple[NDArray[_Float], NDArray[_Float]] | None = None,
) -> tuple[NDArray[_Float], NDArray[_Float]]: ...
@overload
def table(
    positions: ArrayLike,
    frequencies: _Frequencies,
    *,
    axes: ArrayLike | None = None,
    dtype: str = ...,
    out: tuple[NDArray[Any], NDArray[Any]] | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]: ...
@overload
def xpos_table(
    positions: ArrayLike, frequencies: _Frequencies, *, center: _Real = 0.0, scale_base: _Real = 512.0
) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]: ...
@overload
def xpos_table(
    positions: ArrayLike,
    frequencies: _Frequencies,
    *,
    center: _Real = 0.0,
    scale_base: _Real = 512.0,
    dtype: type[_Float] | np.dtype[_Float],
) -> tuple[tuple[NDArray[_Float], NDArray[_Float]], tuple[NDArray[_Float], NDArray[_Float]]]: ...
@overload
def xpos_table(
    positions: ArrayLike,
    frequencies: _Frequencies,
    *,
    center: _Real = 0.0,
    scale_base: _Real = 512.0,
    dtype: str = ...,
) -> tuple[tuple[NDArray[Any], NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]: ...
def rotate(
    x: _Array,
    cos: NDArray[Any],
    sin: NDArray[Any],
    *,
    layout: _Layout = "half",
    start: SupportsIndex = 0,
    inverse: bool = False,
    full_width: bool = False,
    out: _Array | None = None,
) -> _Array: ...
def rotate_qk(
    q: _Array,
    k: _Keys,
    cos: NDArray[Any],
    sin: NDArray[Any],
    *,
    layout: _Layout = "half",
    start: SupportsIndex = 0,
    inverse: bool = False,
    full_width: bool = False,
    out: tuple[_Array, _Keys] | None = None,
) -> tuple[_Array, _Keys]: ...

class Rotary:
    TABLE_ROWS: int
    head_dim: int
    rotary_dim: int
    base: _Real
    scaling: _Scaling | None
    layout: _Layout
    frequencies: Frequencies
    def __init__(
        self,
        head_dim: SupportsIndex,
        *,
        rotary_dim: SupportsIndex | None = None,
        base: _Real = 10000.0,
        scaling: _Scaling | None = None,
        layout: _Layout = "half",
    ) -> None: ...
    def __getstate__(self) -> dict[str, Any]: ...
    @overload
    def __call__(
        self,
        q: _Array,
        k: None = None,
        *,
        positions: ArrayLike | None = None,
        offset: _Offset = 0,
        sequence_length: SupportsIndex | None = None,
        heads_axis: _HeadsAxis = -2,
        inverse: bool = False,
        out: _Array | None = None,
    ) -> _Array: ...
    @overload
    def __call__(
        self,
        q: _Array,
        k: _Keys,
        *,
        positions: ArrayLike | None = None,
        offset: _Offset = 0,
        sequence_length: SupportsIndex | None = None,
        heads_axis: _HeadsAxis = -2,
        inverse: bool = False,
        out: tuple[_Array, _Keys] | None = None,
    ) -> tuple[_Array, _Keys]: ...
    def shift(
        self,
        k: _Keys,
        delta: _Offset,
        *,
        sequence_length: SupportsIndex | None = None,
        heads_axis: _HeadsAxis = -2,
        out: _Keys | None = None,
    ) -> _Keys: ...
