"""What an acquisition costs, source by source: bytes, requests, disk and time; whose account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmaq.acquire.manifest import SITES, Manifest, RemoteProduct, manifest_names, read_manifest
from mmaq.acquire.search.sites import read_sites_csv
from mmaq.acquire.services.auth import available, described
from mmaq.acquire.services.endpoints import Service, service
from mmaq.acquire.stage import PIXEL_M
from mmaq.config.schema import Config
from mmaq.contracts.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS

LINE = 12.5e6
"""Bytes a second of the user's own line that times assume: 100 Mbit/s."""

ANSWER = 0.2
"""Seconds to the first byte of an answer, as times assume."""

CHUNK = 16_384
"""GDAL reads remote rasters in pieces of so many bytes."""

OPENING = 4
"""Requests to open one raster: our client's, GDAL's for its size (twice), and for its head."""

TILE = 1024
"""Pixels along a side of a cloud-optimised GeoTIFF's tile."""

SIDE_M = 109_800
"""Metres along a side of a Sentinel-2 tile."""

FULL = 0.75
"""Share of a GeoTIFF with overviews that its full resolution takes."""

TILE_BYTES = {"band": 1.5e6, "SCL": 0.1e6}
"""Of one full tile where the file's size is not stated: 1.4 bytes a pixel in a scene of Earth
Search (S2A_29RKH_20200219), and for the classification more than its 0.02, which is desert."""

CUT_BYTES = 0.4e6
"""What a site's windows take in the archive: 12 bands and SCL in sparse blocks of 128 pixels."""

MAP_BYTES = {"dem": 30e6, "land_cover": 60e6, "population": 0.3e9}
"""Of one file where its size is not stated: a tile of elevation (1 degree) or of cover (3 degrees),
of which windows take at most the whole, and the map of people."""

NATIVE_M = {
    "B01": 60, "B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20, "B07": 20, "B08": 10,
    "B8A": 20, "B09": 60, "B11": 20, "B12": 20, "SCL": 20,
}  # fmt: skip

IN_HAND = 12
"""Granules that lie on disk at a time where each is gridded and dropped."""

COLUMNS = ("source", "service", "products", "bytes", "requests", "on disk", "time")

UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Cost:
    """One source. Bytes: ``fetched``, ``kept`` on disk, and ``passing`` on disk while it runs.

    ``unknown`` says what the figures leave out.
    """

    source: str
    service: Service
    products: int
    fetched: float
    requests: int
    kept: float
    passing: float
    unknown: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Time at the limits of the service and of the line."""
        service = self.service
        own = service.connections * (service.megabytes_per_second or LINE / 1e6) * 1e6
        waiting = self.requests * ANSWER / service.connections
        if service.per_minute is not None:
            waiting = max(waiting, self.requests / service.per_minute * 60.0)
        return max(self.fetched / min(own, LINE), waiting)

    def row(self) -> tuple[str, ...]:
        """The line of the plan's table."""
        nobody_tells = not self.fetched and self.products and self.unknown
        return (
            self.source, self.service.name, f"{self.products}",
            "?" if nobody_tells else readable(self.fetched), f"{self.requests}",
            "?" if nobody_tells else readable(self.kept + self.passing), lasting(self.seconds),
        )  # fmt: skip


def planned(config: Config, folder: Path) -> list[Cost]:
    """Costs of the manifests in ``folder``, by source.

    Raises:
        ArchiveError: a manifest is missing or broken. TableError: nor is the table of places one.
    """
    read = {name: read_manifest(folder / f"{name}.json") for name in manifest_names(config.acquire)}
    sites = len(read_sites_csv(folder / SITES))
    costs = []
    if SENTINEL2 in read:
        scenes = read[SENTINEL2]
        costs.append(
            _windows(config, scenes, sites) if scenes.candidates else _scenes(config, scenes)
        )
    if SENTINEL5P in read:
        costs.append(_granules(config, read[SENTINEL5P]))
    costs.append(_stations(config, read[STATIONS]))
    return costs + [_map(config, product) for product in read[ANCILLARY].products]


def page(costs: Sequence[Cost], notes: Sequence[str] = ()) -> str:
    """The plan as text: a table by source, totals, credentials, and what stays unknown."""
    disk = sum(cost.kept + cost.passing for cost in costs)
    total = (
        "total", "", f"{sum(cost.products for cost in costs)}",
        readable(sum(cost.fetched for cost in costs)), f"{sum(cost.requests for cost in costs)}",
        readable(disk), lasting(sum(cost.seconds for cost in costs)),
    )  # fmt: skip
    rows = [COLUMNS, *(cost.row() for cost in costs), total]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            text.ljust(width) if place < 2 else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines += ["", "on disk: the most at one time, with what is removed again; time: on a line of "
              "100 Mbit/s, at the services' limits, one source after the other."]  # fmt: skip
    services = {cost.service.name: cost.service for cost in costs}
    lines += ["", "limits:", *(f"  {name}: {at.note}" for name, at in sorted(services.items()))]
    accounts = [
        f"  {name}: {described(at.credentials)}: "
        + ("found" if available(at.credentials, at.host) else "NOT FOUND")
        for name, at in sorted(services.items())
        if at.credentials != "none"
    ]
    lines += ["", "credentials:", *(accounts or ["  none needed"])]
    unknown = [*notes, *(text for cost in costs for text in cost.unknown)]
    lines += ["", "unknown:", *(f"  {text}" for text in unknown)] if unknown else []
    return "\n".join(lines)


def service_of(config: Config, name: str) -> Service:
    """The service a manifest names, where the user has it; files of S3 have their own."""
    asked = config.acquire
    if name == STATIONS:
        return service(asked.stations.provider, asked.endpoints)
    satellite = asked.sentinel2 if name == SENTINEL2 else asked.sentinel5p
    by_s3 = satellite.provider == "cdse" and satellite.download == "s3"
    return service("cdse-s3" if by_s3 else satellite.provider, asked.endpoints)


def windows_of(
    config: Config, scenes: int, files: int, classes: Iterable[int | None],
    bands: Iterable[Mapping[str, int | None]], unknown: tuple[str, ...] = (),
) -> Cost:  # fmt: skip
    """The windows of ``scenes``, of which ``files`` rasters are opened.

    ``classes`` are the sizes of the classifications that are looked at, one a site and scene, and
    ``bands`` the sizes by band of the scene that is taken, one a site; None where not known.
    """
    side = config.patches.s2_size * PIXEL_M
    sized = [("SCL", size) for size in classes]
    sites = 0
    for sizes in bands:
        sites += 1
        sized += [(band, sizes.get(band)) for band in NATIVE_M if band != "SCL"]
    costs = [window_cost(band, side, size) for band, size in sized]
    fetched = sum(cost for cost, _ in costs) + files * CHUNK
    requests = round(sum(times for _, times in costs)) + OPENING * files
    at = service_of(config, SENTINEL2)
    kept = sites * CUT_BYTES
    return Cost("Sentinel-2 windows", at, scenes, fetched, requests, kept, fetched, unknown)


def window_cost(band: str, side_m: float, size: float | None) -> tuple[float, float]:
    """Bytes and requests of one window in one file, its opening not counted.

    A window of n pixels touches (1 + (n - 1) / 1024)^2 tiles on average. ``size`` is the file's,
    in bytes. Each tile comes in whole chunks, of which its ends cost one more.
    """
    pixels = side_m / NATIVE_M[band]
    touched = (1.0 + max(pixels - 1.0, 0.0) / TILE) ** 2
    tiles = -((-SIDE_M // (NATIVE_M[band] * TILE)) ** 2)
    known = FULL * size / abs(tiles) if size else TILE_BYTES["SCL" if band == "SCL" else "band"]
    return touched * (known + CHUNK), touched


def _windows(config: Config, manifest: Manifest, sites: int) -> Cost:
    """SCL of every candidate of every site, then 12 bands of one scene a site."""
    sizes = {
        product.id: {name: file.bytes for name, file in product.files.items()}
        for product in manifest.products
    }
    candidates = [names for names in manifest.candidates.values() if names]
    sized = all(size for scene in sizes.values() for size in scene.values())
    return windows_of(
        config, len(sizes), len(sizes) + (len(NATIVE_M) - 1) * min(sites, len(sizes)),
        [sizes[name]["SCL"] for names in candidates for name in names],
        [sizes[names[0]] for names in candidates],
        () if sized else ("sizes of scenes' files: counted as those of a typical scene",),
    )  # fmt: skip


def _scenes(config: Config, manifest: Manifest) -> Cost:
    """Zips or band files; each lies there twice while it is unpacked."""
    at, what = service_of(config, SENTINEL2), "Sentinel-2 products"
    sizes, lacking = _sizes(manifest.products, what)
    files = sum(len(product.files) for product in manifest.products)
    passing = max(sizes, default=0) * at.connections
    return Cost(what, at, len(sizes), sum(sizes), files, sum(sizes), passing, lacking)


def _granules(config: Config, manifest: Manifest) -> Cost:
    at, what = service_of(config, SENTINEL5P), "Sentinel-5P granules"
    sizes, lacking = _sizes(manifest.products, what)
    keep, count = config.acquire.sentinel5p.keep, len(sizes)
    kept, passing = (sum(sizes), 0) if keep else (0, IN_HAND * max(sizes, default=0))
    return Cost(what, at, count, sum(sizes), count, kept, passing, lacking)


def _stations(config: Config, manifest: Manifest) -> Cost:
    """Measured by the share of the country's files, whose sizes alone the EEA tells."""
    count = len(manifest.products)
    held = manifest.asked.get("held") or {}
    size = sum(_size(product) for product in manifest.products)
    lacking: tuple[str, ...] = ()
    if not size and held.get("files") and held.get("megabytes"):
        size = held["megabytes"] * 1e6 * min(count / held["files"], 1.0)
    elif not size:
        lacking = ("sizes of measurements: the service does not tell them",)
    at = service_of(config, STATIONS)
    return Cost("measurements", at, count, size, count, size, 0, lacking)


def _map(config: Config, product: RemoteProduct) -> Cost:
    at = service(str(product.properties["service"]), config.acquire.endpoints)
    count, usual = len(product.files), MAP_BYTES.get(product.id, 0.0)
    size = sum(file.bytes or usual for file in product.files.values())
    lacking: tuple[str, ...] = ()
    if not all(file.bytes for file in product.files.values()):
        counted = "counted as whole files of the usual size" if usual else "not counted"
        lacking = (f"size of {product.id}, which no search tells: {counted}",)
    return Cost(product.id, at, count, size, count, size, size, lacking)


def _sizes(products: Sequence[RemoteProduct], what: str) -> tuple[list[int], tuple[str, ...]]:
    """Bytes of each product; of one whose size is not stated, the mean of the others."""
    sizes = [_size(product) for product in products]
    stated = [size for size in sizes if size]
    if len(stated) == len(sizes):
        return sizes, ()
    mean = sum(stated) // len(stated) if stated else 0
    lacking = f"sizes of {len(sizes) - len(stated)} {what}, counted as the mean of the others"
    return [size or mean for size in sizes], (lacking,)


def _size(product: RemoteProduct) -> int:
    return sum(file.bytes or 0 for file in product.files.values())


def readable(count: float) -> str:
    """Bytes in words, decimal: "1.4 TB"."""
    for unit in UNITS[:-1]:
        if count < 999.5:
            return f"{count:.0f} {unit}" if count >= 99.5 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000.0
    return f"{count:.1f} {UNITS[-1]}"


def lasting(seconds: float) -> str:
    """A time in words: "3 min", "4.2 h", "12 days"."""
    if seconds < 3600:
        return f"{max(seconds / 60, 1):.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86_400 else f"{seconds / 86_400:.1f} days"
