import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from mmaq.base.errors import ServiceError
from mmaq.services.faults import Changed, Gone
from mmaq.services.ranges import RangeCache
from mmaq.services.rasters import ONE_IN_GDAL, open_raster, read_raster
from tests.servers.faulty import Status

WINDOW = Window(1000, 1000, 120, 120)


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(0).integers(0, 10000, (2048, 2048), dtype="uint16")


@pytest.fixture
def url(server, files, values):
    with rasterio.open(
        files / "B02.tif", "w", driver="COG", width=2048, height=2048, count=1, dtype="uint16",
        crs="EPSG:32632", transform=from_origin(3e5, 5e6, 10, 10), blocksize=512,
        compress="DEFLATE", predictor=2,
    ) as raster:  # fmt: skip
        raster.write(values, 1)
    return f"{server.url}/B02.tif"


@pytest.fixture
def cache(client, url, tmp_path):
    return RangeCache(client, url, tmp_path / "cache")


def test_a_window_costs_its_tiles_and_nothing_twice(cache, values, server):
    with open_raster(cache) as raster:
        assert raster.crs.to_epsg() == 32632
        assert (raster.read(1, window=WINDOW) == values[1000:1120, 1000:1120]).all()
        assert cache.fetched < 0.4 * cache.size  # four tiles of sixteen, without the overviews
        before = server.sent()
        raster.read(1, window=WINDOW)
    with open_raster(cache) as raster:
        assert (raster.read(1, window=WINDOW) == values[1000:1120, 1000:1120]).all()
    assert server.sent() == before
    assert len(server.log) <= 4  # the head, then a request for each row of tiles


def test_a_file_that_is_gone_is_told_as_such(client, server, tmp_path):
    cache = RangeCache(client, f"{server.url}/none.tif?sig=hidden", tmp_path / "cache")
    with pytest.raises(Gone, match=r"/none.tif: answers 404"), open_raster(cache):
        pass


def test_a_service_that_fails_within_a_window_is_told_as_such(cache, server):
    with open_raster(cache):
        pass
    server.always["/B02.tif"] = Status(503)
    with (
        pytest.raises(ServiceError, match=r"/B02.tif: answers 503 Service Unavailable, 6 times"),
        open_raster(cache) as raster,
    ):
        raster.read(1, window=WINDOW)


def test_a_failure_that_the_reader_overlooks_is_told_at_the_end(cache, server):
    with open_raster(cache):
        pass
    server.always["/B02.tif"] = Status(404)

    def overlooking():
        with open_raster(cache) as raster, contextlib.suppress(rasterio.errors.RasterioError):
            raster.read(1, window=WINDOW)

    with pytest.raises(Gone):
        overlooking()


def test_a_file_replaced_between_head_and_window_is_told(cache, files, values):
    def reading():
        with open_raster(cache) as raster:
            content = (files / "B02.tif").read_bytes()
            (files / "B02.tif").write_bytes(content[:-8] + b"replaced")
            raster.read(1, window=WINDOW)

    with pytest.raises(Changed, match="changed at the service"):
        reading()


def test_what_is_no_raster_is_named(client, server, files, tmp_path):
    (files / "page.tif").write_text("<html>busy</html>" * 100)
    cache = RangeCache(client, f"{server.url}/page.tif?sig=hidden", tmp_path / "cache")
    with (
        pytest.raises(ServiceError, match=r"/page.tif: cannot be read \(") as raised,
        open_raster(cache),
    ):
        pass
    assert "hidden" not in str(raised.value)


def test_an_error_of_the_reader_is_his_own(cache):
    with pytest.raises(ZeroDivisionError), open_raster(cache):
        raise ZeroDivisionError


def test_nothing_comes_over_the_network_while_in_gdal(cache, values, server, monkeypatch):
    ask, held = RangeCache._ask, []

    def watching(self, start, stop):
        held.append(ONE_IN_GDAL._is_owned())
        ask(self, start, stop)

    monkeypatch.setattr(RangeCache, "_ask", watching)
    windows = [WINDOW, Window(0, 1500, 300, 20)]
    found = read_raster(cache, lambda raster: [raster.read(1, window=each) for each in windows])
    assert (found[0] == values[1000:1120, 1000:1120]).all()
    assert (found[1] == values[1500:1520, :300]).all()
    assert held
    assert not any(held)
    assert len(server.log) <= 6
    assert cache.fetched < 0.6 * cache.size


def test_one_thread_is_in_gdal_and_others_wait_for_the_network(client, url, values, tmp_path):
    inside, most, lock = [0], [0], threading.Lock()

    def use(raster):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.01)
        found = raster.read(1, window=WINDOW)
        with lock:
            inside[0] -= 1
        return found

    caches = [RangeCache(client, url, tmp_path / f"cache{number}") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        for found in pool.map(lambda cache: read_raster(cache, use), caches):
            assert (found == values[1000:1120, 1000:1120]).all()
    assert most == [1]


def test_what_a_reader_makes_of_missing_bytes_counts_for_nothing(cache, values):
    def careful(raster):
        found = raster.read(1, window=WINDOW)
        if not found.any():
            raise ZeroDivisionError
        return found

    assert (read_raster(cache, careful) == values[1000:1120, 1000:1120]).all()
