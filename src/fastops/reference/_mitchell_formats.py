# SPDX-License-Identifier: BSD-3-Clause
"""Float formats as bit patterns, operands that broadcast, and NaNs: what the parts of `mitchell` share."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Format(NamedTuple):
    """Patterns of a float format, as unsigned integers without the sign bit."""

    unsigned: type[np.unsignedinteger[Any]]
    one: int  # 1.0, whose logarithm is 0
    normal: int  # the smallest normal number
    top: int  # what overflow gives: infinity, or NaN where there is no infinity
    first_nan: int
    quiet: int  # the bit that makes a NaN quiet, 0 where there is none

    @property
    def sign(self) -> int:
        return 1 << (8 * np.dtype(self.unsigned).itemsize - 1)


FORMATS = {
    "float64": Format(np.uint64, 0x3FF << 52, 1 << 52, 0x7FF << 52, (0x7FF << 52) + 1, 1 << 51),
    "float32": Format(np.uint32, 0x3F800000, 0x00800000, 0x7F800000, 0x7F800001, 0x00400000),
    "float16": Format(np.uint16, 0x3C00, 0x0400, 0x7C00, 0x7C01, 0x0200),
    "bfloat16": Format(np.uint16, 0x3F80, 0x0080, 0x7F80, 0x7F81, 0x0040),
    "float8_e5m2": Format(np.uint8, 0x3C, 0x04, 0x7C, 0x7D, 0x02),
    "float8_e4m3fn": Format(np.uint8, 0x38, 0x08, 0x7F, 0x7F, 0x00),
}

# Twice the width of an integer, and a float whose fraction holds all its bits below the leading one.
INTEGERS: dict[str, tuple[Any, Any]] = {
    "int8": (np.int16, np.float32),
    "uint8": (np.uint16, np.float32),
    "int16": (np.int32, np.float32),
    "uint16": (np.uint32, np.float32),
    "int32": (np.int64, np.float64),
    "uint32": (np.uint64, np.float64),
    "int64": (np.int64, None),
    "uint64": (np.uint64, None),
}


def operands(*values: ArrayLike) -> tuple[list[NDArray[Any]], tuple[int, ...]]:
    """The values broadcast, of one dimension at least (scalars would warn of wrap-around), and the result's shape."""
    arrays = [np.asarray(value) for value in values]
    dtype = arrays[0].dtype
    names = ("x", "x and y", "x, y and c")[len(arrays) - 1]
    if any(array.dtype != dtype for array in arrays):
        raise TypeError(f"{names} must have the same dtype, got {' and '.join(str(array.dtype) for array in arrays)}")
    if (dtype.name not in FORMATS and dtype.name not in INTEGERS) or not dtype.isnative:
        supported = ", ".join([*FORMATS, *INTEGERS])
        raise TypeError(f"{names} must be one of {supported}, got {dtype!r}")
    broadcast = np.broadcast_arrays(*arrays)
    return [np.atleast_1d(array) for array in broadcast], broadcast[0].shape


def put_nans(result: NDArray[Any], invalid: NDArray[np.bool_], fmt: Format, *given: NDArray[Any]) -> None:
    """Writes the positive NaN where invalid, over it the NaNs of what is given, the first one's last."""
    result[invalid] = fmt.top | fmt.quiet
    for operand in reversed(given):
        pattern = operand.view(fmt.unsigned)
        is_nan = (pattern & (fmt.sign - 1)) >= fmt.first_nan
        result[is_nan] = pattern[is_nan] | fmt.quiet
