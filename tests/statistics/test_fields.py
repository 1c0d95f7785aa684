"""Drawn fields are as alike as the covariance says, and the same whatever is asked of them."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import kstest

from mmaq.statistics.fields import Correlation, Fields, expected_correlation, in_km, own_part

NOBODY = np.empty((0, 2))
RNG = np.random.default_rng(5)
PLACES = np.array([10.0, 50.0]) + RNG.uniform(0, 0.5, (40, 2))
CELLS = RNG.integers(-50, 4000, (40, 2))


def exact(correlation, places, stations):
    """Correlation of errors at places that are no stations, given those at stations; by matrices
    alone."""
    here, there = in_km(places), in_km(stations)

    def cov(a, b):
        return correlation.share * np.exp(-cdist(a, b) / correlation.range_km)

    full = cov(here, here) + correlation.own * np.eye(len(here))
    known = cov(there, there) + correlation.own * np.eye(len(there))
    left = full - cov(here, there) @ np.linalg.solve(known, cov(there, here))
    return left / np.sqrt(np.outer(np.diag(left), np.diag(left)))


@pytest.mark.parametrize("stations", [NOBODY, PLACES[:12] + 0.01], ids=["none", "twelve"])
def test_covariance_is_that_of_errors_given_the_stations(stations):
    correlation = Correlation(0.7, 12.0)
    drawn = Fields.draw(correlation, stations, 3000, 1).at(PLACES, CELLS)
    expected = exact(correlation, PLACES, stations)
    np.testing.assert_allclose(np.corrcoef(drawn), expected, atol=0.12)
    assert np.abs(np.corrcoef(drawn) - expected).mean() < 0.03
    assert drawn.std(axis=1) == pytest.approx(np.ones(40), abs=0.1)


def test_pieces_of_a_field_agree_with_the_whole():
    fields = Fields.draw(Correlation(0.6, 30.0), PLACES[:5] + 0.02, 20, 0)
    whole = fields.at(PLACES, CELLS)
    order = RNG.permutation(40)
    pieces = np.concatenate(
        [fields.at(PLACES[part], CELLS[part]) for part in (order[:7], order[7:])]
    )
    np.testing.assert_allclose(pieces, whole[order], atol=1e-9)


def test_what_is_a_cells_own_follows_from_the_cell():
    cells = np.stack(np.meshgrid(np.arange(-20, 20), np.arange(50)), -1).reshape(-1, 2)
    own = own_part(cells, 5)
    assert kstest(own.ravel(), "norm").pvalue > 0.01
    assert np.abs(np.corrcoef(own.T) - np.eye(5)).max() < 0.08
    np.testing.assert_array_equal(own_part(cells[7:9], 5), own[7:9])
    assert len(np.unique(own)) == own.size


@pytest.mark.parametrize(("share", "reach"), [(0.8, 30.0), (0.0, 30.0)])
def test_the_expected_correlation_is_near_the_true_one(share, reach):
    rng = np.random.default_rng(2)
    places = np.array([8.0, 48.0]) + rng.uniform(0, 2.0, (300, 2))
    truth = exact(Correlation(share, reach), places, NOBODY)
    parts = np.arange(300) % 2
    errors = np.zeros(300)
    for part in (0, 1):
        rows = np.flatnonzero(parts == part)
        factor = np.linalg.cholesky(truth[np.ix_(rows, rows)])
        errors[rows] = factor @ rng.standard_normal(len(rows))
    found = expected_correlation(errors, places, parts)
    # A short range and a small share look alike where stations are 10 km apart.
    apart = np.array([10.0, 30.0, 60.0])
    expected = share * np.exp(-apart / reach)
    np.testing.assert_allclose(found.share * np.exp(-apart / found.range_km), expected, atol=0.15)
