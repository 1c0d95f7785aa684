import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from mmaq.acquire.services.client import Client
from mmaq.acquire.services.cogs import read_raster
from mmaq.acquire.services.endpoints import service
from mmaq.acquire.services.faults import Gone, Refused, Unreadable
from mmaq.base.errors import ServiceError
from tests.servers.faulty import Cut, NoRanges, Reset, Slow, Stall, Status, Wrong, faulty
from tests.servers.nginx import nginx

WINDOW = Window(500, 500, 60, 60)
PATH = "/B02.tif"


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(0).integers(0, 10000, (1024, 1024), dtype="uint16")


@pytest.fixture(scope="module")
def files(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("cogs")
    with rasterio.open(
        folder / "B02.tif", "w", driver="COG", width=1024, height=1024, count=1, dtype="uint16",
        crs="EPSG:32632", transform=from_origin(3e5, 5e6, 10, 10), blocksize=256,
        compress="DEFLATE", predictor=2,
    ) as raster:  # fmt: skip
        raster.write(values, 1)
    (folder / "page.tif").write_text("<html>busy</html>" * 100)
    content = bytearray((folder / "B02.tif").read_bytes())
    with rasterio.open(folder / "B02.tif") as raster:
        place = int(raster.get_tag_item("BLOCK_OFFSET_2_2", "TIFF", bidx=1))
    content[place + 9 : place + 99] = bytes(90)
    (folder / "damaged.tif").write_bytes(content)
    return folder


def _window(raster):
    return raster.read(1, window=WINDOW)


def _right(found, values):
    return (found == values[500:560, 500:560]).all()


def test_a_window_costs_its_tiles(client, server, values, files):
    assert _right(read_raster(client, server.url + PATH, _window), values)
    size = (files / "B02.tif").stat().st_size
    assert server.sent() < 0.4 * size  # four tiles of sixteen, without the overviews
    assert len(server.log) <= 6  # the first bytes, twice the size, a head, two rows of tiles


@pytest.mark.parametrize("request_", range(1, 6))
@pytest.mark.parametrize(
    "fault", [Status(503), Status(429), Reset(), Reset(500), Cut(500), NoRanges(), Wrong(300)],
    ids=str,
)  # fmt: skip
def test_a_fault_that_passes_leaves_no_trace(client, server, values, fault, request_):
    """Whichever request it meets: a broken answer is never taken for pixels."""
    server.script(PATH, *[Slow(0)] * (request_ - 1), fault)
    assert _right(read_raster(client, server.url + PATH, _window), values)


def test_a_server_that_falls_silent_is_given_up(client, server, values):
    server.script(PATH, *[Slow(0)] * 3, Stall(100, 2.5))
    assert _right(read_raster(client, server.url + PATH, _window), values)


@pytest.mark.parametrize(
    ("path", "fault", "kind", "told"),
    [
        ("/none.tif", None, Gone, r"/none.tif: answers 404"),
        (PATH, Status(410), Gone, r"/B02.tif: answers 410"),
        (PATH, Status(403), Refused, r"/B02.tif: answers 403"),
        (PATH, Status(503), ServiceError, r"/B02.tif: answers 503 Service Unavailable, 6 times"),
        (PATH, Cut(100), ServiceError, r"/B02.tif: the answer ended before .*, 6 times"),
        ("/page.tif", None, Unreadable, r"/page.tif: cannot be read \(it is no TIFF\)"),
        ("/damaged.tif", None, ServiceError, r"/damaged.tif: cannot be read \(.*, 3 times"),
    ],
)
def test_a_fault_that_stays_is_named_without_a_signature(
    client, server, path, fault, kind, told, caplog
):
    if fault:
        server.always[path] = fault
    with pytest.raises(kind, match=told) as raised:
        read_raster(client, f"{server.url}{path}?sig=hidden", _window)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("mmaq")]
    assert "hidden" not in str(raised.value) + "".join(ours)


def test_an_error_of_the_reader_is_his_own(client, server):
    with pytest.raises(ZeroDivisionError):
        read_raster(client, server.url + PATH, lambda _: 1 / 0)


def test_no_password_leaves_netrc(client, server, home):
    (home / ".netrc").write_text("default login any password leaked\n")
    server.script("/moved.tif", Status(302, {"Location": PATH}))
    read_raster(client, f"{server.url}/moved.tif", _window)
    assert {asked.headers.get("authorization") for asked in server.log} == {None}
    assert [asked.path for asked in server.log].count("/moved.tif") == 1


def test_a_proxy_of_the_environment_is_used(files, values, monkeypatch):
    with faulty(files) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        client = Client(service("eea", {"eea": "http://mmaq.invalid"}))
        assert _right(read_raster(client, f"http://mmaq.invalid{PATH}", _window), values)


def test_a_real_server_gives_the_same(client, files, values, tmp_path):
    with nginx(files, tmp_path / "nginx") as real:
        assert _right(read_raster(client, real.url + PATH, _window), values)
