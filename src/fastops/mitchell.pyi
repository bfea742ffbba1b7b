# The ufuncs are typed by callable protocols: as plain numpy.ufunc every call of them would be Any.
from collections.abc import Sequence
from typing import Any, Literal, Protocol, SupportsIndex, TypedDict, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["divide", "matmul", "multiply"]

_Float = TypeVar("_Float", np.float16, np.float32, np.float64)
_Wide = TypeVar("_Wide", np.int64, np.uint64)
_Product = TypeVar("_Product", np.float16, np.float32, np.float64)
_Eight = TypeVar("_Eight", np.int8, np.uint8)
_Out = TypeVar("_Out", bound=NDArray[Any])

# What integers of a type give: themselves, or those of twice the size. 64 bits always stay.
_I8 = TypeVar("_I8", bound=np.integer[Any], covariant=True)
_I16 = TypeVar("_I16", bound=np.integer[Any], covariant=True)
_I32 = TypeVar("_I32", bound=np.integer[Any], covariant=True)
_U8 = TypeVar("_U8", bound=np.integer[Any], covariant=True)
_U16 = TypeVar("_U16", bound=np.integer[Any], covariant=True)
_U32 = TypeVar("_U32", bound=np.integer[Any], covariant=True)

class _Options(TypedDict, total=False):
    where: bool | NDArray[np.bool_]
    casting: Literal["no", "equiv", "safe", "same_kind", "unsafe"]
    order: Literal["K", "A", "C", "F"]
    subok: bool

# Operands of one type have a result of a known type; mixed ones are promoted by NumPy's rules, and Any here.
class _Binary(Protocol[_I8, _I16, _I32, _U8, _U16, _U32]):
    @property
    def __name__(self) -> str: ...
    @property
    def nin(self) -> int: ...
    @property
    def nout(self) -> int: ...
    @property
    def nargs(self) -> int: ...
    @property
    def ntypes(self) -> int: ...
    @property
    def types(self) -> list[Any]: ...
    @property
    def identity(self) -> Any: ...
    @property
    def signature(self) -> Any: ...
    @overload
    def __call__(self, x: int, y: int, /, **options: Unpack[_Options]) -> np.signedinteger[Any]: ...
    @overload
    def __call__(self, x: float, y: float, /, **options: Unpack[_Options]) -> np.float64: ...
    @overload
    def __call__(self, x: _Float, y: _Float, /, **options: Unpack[_Options]) -> _Float: ...
    # numpy.float64 is a float to Python, but not to NumPy's promotion.
    @overload
    def __call__(
        self, x: NDArray[np.floating[Any]], y: np.float64, /, **options: Unpack[_Options]
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, x: np.float64, y: NDArray[np.floating[Any]], /, **options: Unpack[_Options]
    ) -> NDArray[np.float64]: ...
    @overload
    def __call__(
        self, x: NDArray[_Float], y: NDArray[_Float] | _Float | float, /, **options: Unpack[_Options]
    ) -> NDArray[_Float]: ...
    @overload
    def __call__(self, x: _Float | float, y: NDArray[_Float], /, **options: Unpack[_Options]) -> NDArray[_Float]: ...
    @overload
    def __call__(
        self, x: NDArray[_Wide], y: NDArray[_Wide] | _Wide | int, /, **options: Unpack[_Options]
    ) -> NDArray[_Wide]: ...
    @overload
    def __call__(
        self, x: NDArray[np.int8], y: NDArray[np.int8] | np.int8 | int, /, **options: Unpack[_Options]
    ) -> NDArray[_I8]: ...
    @overload
    def __call__(
        self, x: NDArray[np.int16], y: NDArray[np.int16] | np.int16 | int, /, **options: Unpack[_Options]
    ) -> NDArray[_I16]: ...
    @overload
    def __call__(
        self, x: NDArray[np.int32], y: NDArray[np.int32] | np.int32 | int, /, **options: Unpack[_Options]
    ) -> NDArray[_I32]: ...
    @overload
    def __call__(
        self, x: NDArray[np.uint8], y: NDArray[np.uint8] | np.uint8 | int, /, **options: Unpack[_Options]
    ) -> NDArray[_U8]: ...
    @overload
    def __call__(
        self, x: NDArray[np.uint16], y: NDArray[np.uint16] | np.uint16 | int, /, **options: Unpack[_Options]
    ) -> NDArray[_U16]: ...
    @overload
    def __call__(
        self, x: NDArray[np.uint32], y: NDArray[np.uint32] | np.uint32 | int, /, **options: Unpack[_Options]
    ) -> NDArray[_U32]: ...
    @overload
    def __call__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        /,
        out: _Out | tuple[_Out],
        *,
        dtype: DTypeLike | None = None,
        **options: Unpack[_Options],
    ) -> _Out: ...
    @overload
    def __call__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        /,
        out: tuple[None] | None = None,
        *,
        dtype: DTypeLike | None = None,
        signature: Any = ...,
        **options: Unpack[_Options],
    ) -> Any: ...
    def at(self, a: NDArray[Any], indices: Any, b: ArrayLike, /) -> None: ...
    def reduce(
        self,
        array: ArrayLike,
        /,
        axis: SupportsIndex | tuple[SupportsIndex, ...] | None = 0,
        dtype: DTypeLike | None = None,
        out: NDArray[Any] | None = None,
        *,
        keepdims: bool = False,
        initial: Any = ...,
        where: Any = True,
    ) -> Any: ...
    def accumulate(
        self,
        array: ArrayLike,
        /,
        axis: SupportsIndex = 0,
        dtype: DTypeLike | None = None,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]: ...
    def reduceat(
        self,
        array: ArrayLike,
        /,
        indices: Sequence[int] | NDArray[np.integer[Any]],
        axis: SupportsIndex = 0,
        dtype: DTypeLike | None = None,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]: ...
    def outer(self, A: ArrayLike, B: ArrayLike, /, **options: Any) -> Any: ...

divide: _Binary[np.int8, np.int16, np.int32, np.uint8, np.uint16, np.uint32]
multiply: _Binary[np.int16, np.int32, np.int64, np.uint16, np.uint32, np.uint64]

@overload
def matmul(
    a: NDArray[_Product],
    b: NDArray[_Product],
    /,
    out: NDArray[_Product] | None = None,
    *,
    method: Literal["mitchell", "offset", "lmul", "mbm"] = "mitchell",
    offset: float = 0.0,
) -> NDArray[_Product]: ...
@overload
def matmul(
    a: NDArray[_Eight],
    b: NDArray[_Eight],
    /,
    out: NDArray[np.int32] | None = None,
    *,
    method: Literal["mitchell"] = "mitchell",
    offset: float = 0.0,
) -> NDArray[np.int32]: ...
@overload
def matmul(
    a: NDArray[np.int16],
    b: NDArray[np.int16],
    /,
    out: NDArray[np.int64] | None = None,
    *,
    method: Literal["mitchell"] = "mitchell",
    offset: float = 0.0,
) -> NDArray[np.int64]: ...
@overload  # bfloat16, which NumPy's stubs do not know
def matmul(
    a: NDArray[Any],
    b: NDArray[Any],
    /,
    out: NDArray[Any] | None = None,
    *,
    method: Literal["mitchell", "offset", "lmul", "mbm"] = "mitchell",
    offset: float = 0.0,
) -> NDArray[Any]: ...
