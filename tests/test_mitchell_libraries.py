# SPDX-License-Identifier: BSD-3-Clause
"""mitchell.multiply and mitchell.divide in other libraries, which find them by NumPy's protocols."""

import pickle

import numpy as np
import pytest

from fastops import mitchell
from fastops._case import bits

both = pytest.mark.parametrize("operation", [mitchell.multiply, mitchell.divide], ids=["multiply", "divide"])


def same(got, want):
    return got.dtype == want.dtype and got.shape == want.shape and np.array_equal(bits(got), bits(want))


@both
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pickle looks for ufuncs in old modules of NumPy too
def test_pickle(operation):
    assert pickle.loads(pickle.dumps(operation)) is operation


@both
def test_subclasses_and_overrides(operation):
    class Tagged(np.ndarray):
        pass

    assert type(operation(np.ones(2).view(Tagged), 2.0)) is Tagged

    class Other:
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return ufunc, method

    assert operation(np.ones(2), Other()) == (operation, "__call__")
    masked = operation(np.ma.masked_equal([1.0, 2.0], 2.0), 2.0)
    assert masked.mask.tolist() == [False, True]


X = np.array([[1.7, 3.3, 2.6], [0.3, 5.1, 9.9]], np.float32)  # whose products and quotients are not exact


@both
def test_pandas(operation):
    # pandas calls an operator of its own for a ufunc whose __name__ is that of one of NumPy's
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(X[0], index=list("abc"))
    for result in (operation(series, X[1]), operation(series, pandas.Series(X[1], index=list("abc")))):
        assert isinstance(result, pandas.Series)
        assert list(result.index) == list("abc")
        assert same(result.to_numpy(), operation(X[0], X[1]))
    frame = operation(pandas.DataFrame(X), X[::-1])
    assert isinstance(frame, pandas.DataFrame)
    assert same(frame.to_numpy(), operation(X, X[::-1]))


@both
def test_xarray(operation):
    xarray = pytest.importorskip("xarray")
    result = operation(xarray.DataArray(X, dims=("y", "x")), xarray.DataArray(X[1], dims="x"))
    assert isinstance(result, xarray.DataArray)
    assert result.dims == ("y", "x")
    assert same(result.to_numpy(), operation(X, X[1]))


@both
def test_dask(operation):
    dask_array = pytest.importorskip("dask.array")
    result = operation(dask_array.from_array(X, chunks=2), X[1])
    assert isinstance(result, dask_array.Array)
    assert result.dtype == np.float32
    assert same(result.compute(), operation(X, X[1]))
