"""A read-only installation compiles without a cache."""

from __future__ import annotations

import numba
import pytest
from numba.core import caching

from mmaq.base.compiled import njit


@pytest.fixture
def nowhere(monkeypatch):
    """No folder for a cache can be written to, as numba finds when a function is decorated."""
    for cache in (caching.CacheImpl, caching.CompileResultCacheImpl):
        monkeypatch.setattr(cache, "_locator_classes", [])


def twice(x):
    return 2 * x


def test_a_function_is_compiled_where_no_cache_can_be_written(nowhere):
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(twice)
    for options in ({}, {"nogil": True}):
        compiled = njit(cache=True, **options)(twice)
        assert compiled(21) == 42
        assert compiled.signatures


def test_another_fault_of_numba_is_not_swallowed():
    with pytest.raises(TypeError):
        njit(cache=True)(5)
