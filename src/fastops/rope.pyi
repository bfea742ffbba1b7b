from collections.abc import Sequence
from typing import Any, Literal, Protocol, SupportsIndex, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Frequencies", "Rotary", "frequencies", "rotate", "rotate_qk", "table"]

_Float = TypeVar("_Float", np.float32, np.float64)
_Array = TypeVar("_Array", bound=NDArray[Any])
_Keys = TypeVar("_Keys", bound=NDArray[Any])
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

def frequencies(
    rotary_dim: SupportsIndex, *, base: float = 10000.0, precision: Literal["float64", "float32"] = "float64"
) -> Frequencies: ...
@overload
def table(positions: ArrayLike, frequencies: _Frequencies) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
@overload
def table(
    positions: ArrayLike, frequencies: _Frequencies, *, dtype: type[_Float] | np.dtype[_Float]
) -> tuple[NDArray[_Float], NDArray[_Float]]: ...
@overload
def table(
    positions: ArrayLike, frequencies: _Frequencies, *, dtype: str = ...
) -> tuple[NDArray[Any], NDArray[Any]]: ...
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
    base: float
    layout: _Layout
    frequencies: Frequencies
    def __init__(
        self,
        head_dim: SupportsIndex,
        *,
        rotary_dim: SupportsIndex | None = None,
        base: float = 10000.0,
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
        heads_axis: _HeadsAxis = -2,
        inverse: bool = False,
        out: tuple[_Array, _Keys] | None = None,
    ) -> tuple[_Array, _Keys]: ...
    def shift(self, k: _Keys, delta: _Offset, *, heads_axis: _HeadsAxis = -2, out: _Keys | None = None) -> _Keys: ...
