# SPDX-License-Identifier: BSD-3-Clause
"""What layers of Transformers are made of: activations, normalisation, linear maps."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Matmul = Callable[[Array, Array], Array]

# erf(x) = tanh(x * p(x * x)) on [-4, 4], where 1 - erf(4) = 1.5e-8; p fitted (least maximum error of erf: 5.8e-8)
_ERF_LIMIT = 4.0
_ERF_TANH = (
    1.12837971,
    1.02765481e-1,
    -1.84383751e-4,
    -6.25719521e-4,
    8.97125667e-5,
    -5.98568715e-6,
    1.58960016e-7,
)
_GELU_TANH = (math.sqrt(2 / math.pi), 0.044715)  # Hendrycks and Gimpel's approximation
_BLOCK = 1 << 14  # elements at a time: 64 KB an array, so that passes stay in the L2 cache


def erf(x: Array) -> Array:
    """Return the error function of float32 (absolute error below 1.5e-7) or float64 (as `math.erf`, much slower) x."""
    if x.dtype == np.float64:
        return np.fromiter(map(math.erf, x.ravel().tolist()), dtype=np.float64, count=x.size).reshape(x.shape)
    z = np.minimum(np.maximum(x, -_ERF_LIMIT), _ERF_LIMIT)
    square = z * z
    p = np.full_like(square, _ERF_TANH[-1])
    for coefficient in _ERF_TANH[-2::-1]:
        p *= square
        p += coefficient
    p *= z
    np.tanh(p, out=p)
    return p


def gelu(x: Array) -> Array:
    """x times the normal distribution function."""
    half = erf(x * math.sqrt(0.5))
    half += 1
    half *= 0.5
    half *= x
    return half


def gelu_new(x: Array) -> Array:
    """`gelu` by the tanh formula that BERT's and GPT-2's first codes used."""
    factor, cubic = _GELU_TANH
    half = np.tanh(factor * (x + cubic * x * x * x))
    half += 1
    half *= 0.5
    half *= x
    return half


def relu(x: Array) -> Array:
    """The positive part."""
    result: Array = np.maximum(x, 0)
    return result


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"gelu": gelu, "gelu_new": gelu_new, "relu": relu}


def activate(function: Callable[[Array], Array], x: Array) -> None:
    """Apply a function to a contiguous array in place, block by block."""
    flat = x.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        flat[start : start + _BLOCK] = function(flat[start : start + _BLOCK])


@dataclass(frozen=True, eq=False)
class Linear:
    """x -> x @ weight + bias.

    Attributes
    ----------
    weight : ndarray, shape (in, out)
        Contiguous: the transpose of what most checkpoints hold.
    bias : ndarray, shape (out,)
    """

    weight: Array
    bias: Array

    def __call__(self, x: Array, matmul: Matmul) -> Array:
        """Apply it to the rows of a contiguous matrix."""
        y = np.asarray(matmul(x, self.weight))
        if y.shape != (x.shape[0], self.weight.shape[1]):
            raise ValueError(f"matmul returned shape {y.shape} for {x.shape} and {self.weight.shape}")
        result: Array = np.add(y, self.bias, dtype=x.dtype, order="C")
        return result


@dataclass(frozen=True, eq=False)
class LayerNorm:
    """Mean 0, variance 1 over the last axis, then a gain and a bias.

    Attributes
    ----------
    gain, bias : ndarray, shape (n,)
    epsilon : float
        Added to the variance.
    """

    gain: Array
    bias: Array
    epsilon: float

    def __call__(self, x: Array) -> Array:
        """Normalise each row."""
        centred: Array = x - x.mean(axis=-1, keepdims=True)
        variance = np.einsum("...i,...i->...", centred, centred)[..., np.newaxis] / x.shape[-1]
        centred /= np.sqrt(variance + self.epsilon)
        centred *= self.gain
        centred += self.bias
        return centred
