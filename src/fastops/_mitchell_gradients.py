# SPDX-License-Identifier: BSD-3-Clause
"""Gradients of Mitchell's products, and of matrix products made of them."""

from functools import partial

import numpy as np

from . import mitchell
from ._arguments import choice, real

__all__ = ["matmul_vjp", "multiply_vjp"]

_WIDE = {"float32": np.float32, "float64": np.float64, "float16": np.float32, "bfloat16": np.float32}
_FRACTION_BITS = {"float32": 23, "float64": 52, "float16": 10, "bfloat16": 7}
_MODES = ("exact", "approximate", "straight_through")
_METHODS = ("mitchell", "offset", "lmul", "mbm")

# Products at a time in the exact gradient of a matrix product, 256 KB of float32: 0.77 ns each at 512**3, against 1.75
# with 1 << 13 and 0.71 with 1 << 17.
_BLOCK = 1 << 16


def multiply_vjp(x, y, grad, *, mode="exact", offset=0.0):
    """Return the gradients of Mitchell's product of x and y: the vector-Jacobian products.

    Parameters
    ----------
    x, y : array_like of float32, float64, float16 or bfloat16, of one dtype
        The operands of `multiply`, or with an offset of `multiply_offset`. Their shapes broadcast.
    grad : array_like, of the same dtype and the shape of the product
        Gradient of a scalar with respect to the product.
    mode : {"exact", "approximate", "straight_through"}
        "exact": grad times the derivative. "approximate": Mitchell's product, with the same offset, of grad and the
        other operand. "straight_through": grad times the other operand, as if products were exact.
    offset : float
        The constant c of `multiply_offset`.

    Returns
    -------
    dx, dy : ndarray or scalar
        Of the shapes and the dtype of x and y; summed over the axes along which these were broadcast.

    Raises
    ------
    TypeError
        If dtypes differ or are not supported, or `offset` is not a number.
    ValueError
        If shapes do not fit, `mode` is unknown, or `offset` is not finite.

    Notes
    -----
    With x = 2**n1 * (1 + x1) and y = 2**n2 * (1 + x2), both positive, the product is piecewise linear: its derivative
    with respect to x is 2**(n2 + j), where j is the whole part of x1 + x2 + c; for c = 0 it is 1 if the sum carries,
    and else 0. The derivative has the sign of y. Where it jumps it is the one to the right: that of larger
    magnitudes.

    Zeros and subnormal numbers, which count as zeros, infinities and NaNs have the fraction 0. So the derivative with
    respect to x is 0, infinite or NaN where y is, whatever x is, and it is not 0 where x is 0 and y is not: a weight
    that begins as 0 learns. Underflow and overflow of the product do not count. All this is as for exact products.

    16-bit types are computed in float32 and rounded once. No floating-point warning is given.

    Source: A. Kosson and M. Jaggi, Multiplication-free Transformer training via piecewise affine operations (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> x, y = np.float32([1.25, 1.75]), np.float32([-3, -3])
    >>> mitchell.multiply_vjp(x, y, np.ones_like(x))  # 0.25 + 0.5 does not carry, 0.75 + 0.5 does
    (array([-2., -4.], dtype=float32), array([1., 2.], dtype=float32))
    >>> mitchell.multiply_vjp(x, y, np.ones_like(x), mode="straight_through")
    (array([-3., -3.], dtype=float32), array([1.25, 1.75], dtype=float32))
    """
    x, y, grad = np.asarray(x), np.asarray(y), np.asarray(grad)
    dtype = _common_dtype(("x", x), ("y", y), ("grad", grad))
    choice("mode", mode, _MODES)
    offset = real("offset", offset)
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise ValueError(f"y has shape {y.shape}; it must broadcast against that of x, {x.shape}") from None
    if grad.shape != shape:
        raise ValueError(f"grad has shape {grad.shape}; {shape} is needed, as the product of x and y has")
    with np.errstate(all="ignore"):
        of_x, of_y, grad = _wide(x, mode), _wide(y, mode), grad.astype(_WIDE[dtype.name])
        # The ufunc takes it as a number of the operands' type.
        product = _product("offset" if offset else "mitchell", _in_places(float(dtype.type(offset)), dtype))
        if mode == "exact":
            grad = grad * _carries(_significand(of_x), _significand(of_y), product)
            dx, dy = grad * _power(of_y), grad * _power(of_x)
        elif mode == "approximate":
            dx, dy = product(grad, of_y), product(grad, of_x)
        else:
            dx, dy = grad * of_y, grad * of_x
        return _summed(dx, x.shape, dtype)[()], _summed(dy, y.shape, dtype)[()]


def matmul_vjp(a, b, grad, *, mode="exact", method="mitchell", offset=0.0):
    """Return the gradients of a matrix product of Mitchell's products: the vector-Jacobian products.

    Parameters
    ----------
    a, b : ndarray of float32, float64, float16 or bfloat16, of one dtype
        The operands of `matmul`: (..., m, k) and (..., k, n) with leading axes that broadcast, or of one axis.
    grad : ndarray, of the same dtype and the shape of the product
        Gradient of a scalar with respect to the product.
    mode : {"exact", "approximate", "straight_through"}
        "exact": sums of grad times the derivatives of the products. "approximate": `matmul`, with the same method, of
        grad and the other operand. "straight_through": `numpy.matmul` of these.
    method : {"mitchell", "offset", "lmul", "mbm"}
        Which product.
    offset : float
        The constant of the method "offset".

    Returns
    -------
    da, db : ndarray
        Of the shapes and the dtype of a and b; summed over the axes along which these were broadcast.

    Raises
    ------
    TypeError
        If an operand is not an array, dtypes differ or are not supported, or `offset` is not a number.
    ValueError
        If shapes do not fit, `mode` or `method` is unknown, or `offset` is not finite or given with another method.

    Notes
    -----
    The derivatives are those of `multiply_vjp`, with the constant of the method in the sum that carries. The method
    "mbm" has the derivatives of "mitchell": its correction is added after the carry, and depends on nothing but that.

    In the mode "exact" each of the m k n derivatives is computed, in blocks of 65536 (or one row of grad, if that is
    longer): memory does not grow with m k n. 16-bit types are computed as numbers of float32 and rounded once. Sums are
    those of `numpy.matmul`, in no particular order, but in the mode "approximate".

    Source: A. Kosson and M. Jaggi, Multiplication-free Transformer training via piecewise affine operations (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from fastops import mitchell
    >>> a, b = np.float32([[1.25, 1.75]]), np.float32([[-3], [3]])
    >>> da, db = mitchell.matmul_vjp(a, b, np.ones((1, 1), np.float32))
    >>> da, db.T
    (array([[-2.,  4.]], dtype=float32), array([[1., 2.]], dtype=float32))
    """
    for name, value in ("a", a), ("b", b), ("grad", grad):
        if not isinstance(value, np.ndarray):
            raise TypeError(f"{name} must be a numpy.ndarray, got {type(value).__name__}")
    dtype = _common_dtype(("a", a), ("b", b), ("grad", grad))
    choice("mode", mode, _MODES)
    choice("method", method, _METHODS)
    offset = real("offset", offset)
    if offset and method != "offset":
        raise ValueError(f"offset goes with method 'offset', got {offset} with method {method!r}")
    offset = _in_places(offset, dtype)
    rows, columns, full = _matrices(a, b, grad)
    with np.errstate(all="ignore"):
        rows, columns, grad = _wide(rows, mode), _wide(columns, mode), grad.reshape(full).astype(_WIDE[dtype.name])
        if mode == "exact":
            da, db = _exact_matmul_vjp(rows, columns, grad, _product(method, offset))
        else:
            multiply = np.matmul
            if mode == "approximate":
                multiply = partial(mitchell.matmul, method=method, offset=offset)
            da, db = multiply(grad, columns.swapaxes(-1, -2)), multiply(rows.swapaxes(-1, -2), grad)
        return _summed(da, rows.shape, dtype).reshape(a.shape), _summed(db, columns.shape, dtype).reshape(b.shape)


# ---- checks --------------------------------------------------------------------------------------------------------


def _common_dtype(*operands):
    (first_name, first), *_ = operands
    for name, array in operands:
        if array.dtype.name not in _WIDE:
            raise TypeError(f"{name} has dtype {array.dtype}; supported: {', '.join(_WIDE)}")
        if not array.dtype.isnative:
            raise TypeError(
                f"{name} is byte-swapped (dtype {array.dtype.str!r}): convert it to native byte order first"
            )
        if array.dtype != first.dtype:
            raise TypeError(f"{name} has dtype {array.dtype}; {first.dtype} is needed, as {first_name} has")
    return first.dtype


def _in_places(offset, dtype):
    """What is added to patterns of that type for an offset: whole units of the fraction's last place."""
    places = 2.0 ** _FRACTION_BITS[dtype.name]
    return float(np.rint(offset * places)) / places if abs(offset) < places else offset


def _matrices(a, b, grad):
    """a and b with two axes at least, and the shape of their product, which has no less."""
    for name, array in ("a", a), ("b", b):
        if array.ndim == 0:
            raise ValueError(f"{name} has shape (); at least one axis is needed")
    rows = a[np.newaxis] if a.ndim == 1 else a
    columns = b[:, np.newaxis] if b.ndim == 1 else b
    if rows.shape[-1] != columns.shape[-2]:
        needed = f"its axis of products must be {rows.shape[-1]} long, as the last one of a"
        raise ValueError(f"b has shape {b.shape}; {needed}")
    try:
        batch = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    except ValueError:
        needed = f"its leading axes must broadcast against those of a, {rows.shape[:-2]}"
        raise ValueError(f"b has shape {b.shape}; {needed}") from None
    full = (*batch, rows.shape[-2], columns.shape[-1])
    shape = batch + full[len(batch) :][a.ndim == 1 : 2 - (b.ndim == 1)]
    if grad.shape != shape:
        raise ValueError(f"grad has shape {grad.shape}; {shape} is needed, as the product of a and b has")
    return rows, columns, full


# ---- numbers -------------------------------------------------------------------------------------------------------


def _wide(x, mode):
    """x in the type that is computed in; with zeros for subnormal numbers, where products see these."""
    if mode != "straight_through":
        x = mitchell.multiply(x, x.dtype.type(1))
    return np.asarray(x, _WIDE[x.dtype.name])


def _product(method, offset):
    """A product whose exponent carries as those of the method do."""
    if method == "offset":
        return lambda x, y: mitchell.multiply_offset(x, y, x.dtype.type(offset))
    if method == "lmul":
        return mitchell.multiply_lmul
    return mitchell.multiply  # also of mbm, which corrects after the carry


def _patterns(x):
    """The bit patterns of x, and the mask of their fractions."""
    if x.dtype == np.float32:
        return x.view(np.uint32), np.uint32((1 << 23) - 1)
    return x.view(np.uint64), np.uint64((1 << 52) - 1)


def _power(x):
    """The power of two in x, with its sign: 0 of 0; infinities and NaNs stay."""
    patterns, fraction = _patterns(x)
    return np.where(np.isnan(x), x, (patterns & ~fraction).view(x.dtype))


def _significand(x):
    """The significand of x, in [1, 2): 1 of zeros, infinities and NaNs."""
    patterns, fraction = _patterns(x)
    one = x.dtype.type(1)
    return np.where(np.isnan(x), one, ((patterns & fraction) | one.view(patterns.dtype)).view(x.dtype))


def _carries(x, y, product):
    """The power of two in the products of significands x and y: what they carry."""
    carries = np.asarray(product(x, y))
    patterns, fraction = _patterns(carries)
    patterns &= ~fraction
    return carries


def _summed(grad, shape, dtype):
    """grad summed over the axes along which an array of that shape was broadcast."""
    added = grad.ndim - len(shape)
    axes = [i for i in range(grad.ndim) if i < added or (shape[i - added] == 1 and grad.shape[i] != 1)]
    if axes:
        grad = grad.sum(axis=tuple(axes), keepdims=True)
    return grad.reshape(shape).astype(dtype, copy=False)


def _exact_matmul_vjp(a, b, grad, product):
    """(da, db) of (..., m, k), (..., k, n) and (..., m, n), with the leading axes of grad."""
    (m, n), k, batch = grad.shape[-2:], a.shape[-1], grad.shape[:-2]
    da, db = np.zeros((*batch, m, k), a.dtype), np.zeros((*batch, k, n), a.dtype)
    a, b = np.broadcast_to(a, da.shape), np.broadcast_to(b, db.shape)
    rows = max(1, min(m, _BLOCK // max(n, 1)))
    steps = max(1, _BLOCK // max(rows * n, 1))
    for i in np.ndindex(batch):
        a_power, a_significand = (f(a[i].T)[:, np.newaxis] for f in (_power, _significand))  # (k, 1, m)
        b_power, b_significand = (f(b[i])[:, np.newaxis] for f in (_power, _significand))  # (k, 1, n)
        for first in range(0, m, rows):
            r = slice(first, first + rows)
            for step in range(0, k, steps):
                s = slice(step, step + steps)
                carried = _carries(a_significand[s, :, r].swapaxes(1, 2), b_significand[s], product)
                carried *= grad[i][r]
                da[i][r, s] = np.matmul(carried, b_power[s].swapaxes(1, 2))[..., 0].T
                db[i][s] += np.matmul(a_power[s, :, r], carried)[:, 0]
    return da, db
