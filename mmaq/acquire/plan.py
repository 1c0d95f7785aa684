"""The plan of an acquisition: what its manifests cost, and whose account it needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmaq.acquire.costs import (
    CUT_BYTES,
    MAP_BYTES,
    NATIVE_M,
    Cost,
    header_cost,
    lasting,
    readable,
    total,
    window_cost,
)
from mmaq.acquire.manifest import SITES, Manifest, RemoteProduct, manifest_names, read_manifest
from mmaq.acquire.search.sites import read_sites_csv
from mmaq.acquire.stage import PIXEL_M
from mmaq.config.schema import Config
from mmaq.contracts.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS
from mmaq.services.credentials import available, described
from mmaq.services.endpoints import Service, service

IN_HAND = 12
"""Granules that lie on disk at a time where each is gridded and dropped."""

COLUMNS = ("source", "service", "products", "bytes", "requests", "on disk", "time")


def planned(config: Config, folder: Path) -> list[Cost]:
    """Costs of the manifests in ``folder``, by source.

    Raises:
        ArchiveError: a manifest is missing or broken. TableError: nor is the table of places one.
    """
    read = {name: read_manifest(folder / f"{name}.json") for name in manifest_names(config.acquire)}
    sites = len(read_sites_csv(folder / SITES))
    costs = []
    if SENTINEL2 in read:
        windows = bool(read[SENTINEL2].candidates)
        cost_of = _windows if windows else _whole_scenes
        costs.append(cost_of(config, read[SENTINEL2], sites))
    if SENTINEL5P in read:
        costs.append(_granules(config, read[SENTINEL5P]))
    costs.append(_stations(config, read[STATIONS]))
    costs += _maps(config, read[ANCILLARY])
    return costs


def page(costs: Sequence[Cost], notes: Sequence[str] = ()) -> str:
    """The plan as text: a table by source, totals, credentials, and what stays unknown."""
    rows = [COLUMNS]
    for cost in costs:
        rows.append((
            cost.source, cost.service.name, f"{cost.products}", _bytes(cost, cost.fetched),
            f"{cost.requests}", _bytes(cost, cost.kept + cost.passing), lasting(cost.seconds),
        ))  # fmt: skip
    sums = total(costs)
    rows.append((
        "total", "", f"{sums.products}", readable(sums.fetched), f"{sums.requests}",
        readable(sums.disk), lasting(sums.seconds),
    ))  # fmt: skip
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    lines = [
        "  ".join(
            text.ljust(width) if place < 2 else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines += ["", "on disk: the most at one time, with what is removed again; time: on a line of "
              "100 Mbit/s, at the services' limits, one source after the other."]  # fmt: skip
    lines += ["", *_limits(costs), "", *_accounts(costs)]
    unknown = [*notes, *(text for cost in costs for text in cost.unknown)]
    return "\n".join([*lines, *(["", "unknown:"] if unknown else []), *(f"  {t}" for t in unknown)])


def service_of(config: Config, name: str) -> Service:
    """The service a manifest names, where the user has it; files of S3 have their own."""
    asked = config.acquire
    if name == STATIONS:
        return service(asked.stations.provider, asked.endpoints)
    satellite = asked.sentinel2 if name == SENTINEL2 else asked.sentinel5p
    by_s3 = satellite.provider == "cdse" and satellite.download == "s3"
    return service("cdse-s3" if by_s3 else satellite.provider, asked.endpoints)


def _windows(config: Config, manifest: Manifest, sites: int) -> Cost:
    """SCL of every candidate of every site, then 12 bands of one scene a site."""
    side = config.patches.s2_size * PIXEL_M
    by_id = {product.id: product for product in manifest.products}
    fetched = requests = 0.0
    opened, asked = header_cost()
    for candidates in manifest.candidates.values():
        for name in candidates:
            some, times = window_cost("SCL", side, by_id[name].files["SCL"].bytes)
            fetched, requests = fetched + some, requests + times
        if candidates:
            first = by_id[candidates[0]]
            for band in (band for band in NATIVE_M if band != "SCL"):
                some, times = window_cost(band, side, first.files[band].bytes)
                fetched, requests = fetched + some, requests + times
    scenes = len(by_id)
    files = scenes + (len(NATIVE_M) - 1) * min(sites, scenes)
    fetched, requests = fetched + files * opened, requests + files * asked
    sized = all(file.bytes for product in manifest.products for file in product.files.values())
    lacking = () if sized else ("sizes of scenes' files: counted as those of a typical scene",)
    return Cost(
        "Sentinel-2 windows", service_of(config, SENTINEL2), scenes, fetched, round(requests),
        sites * CUT_BYTES, fetched, lacking,
    )  # fmt: skip


def _whole_scenes(config: Config, manifest: Manifest, sites: int) -> Cost:
    """Zips or band files; each lies there twice while it is unpacked."""
    at = service_of(config, SENTINEL2)
    sizes, lacking = _sizes(manifest.products, "Sentinel-2 products")
    passing = max(sizes, default=0) * at.connections
    files = sum(len(product.files) for product in manifest.products)
    return Cost("Sentinel-2 products", at, len(manifest.products), sum(sizes), files, sum(sizes),
                passing, lacking)  # fmt: skip


def _bytes(cost: Cost, count: float) -> str:
    return "?" if not cost.fetched and cost.products and cost.unknown else readable(count)


def _granules(config: Config, manifest: Manifest) -> Cost:
    sizes, lacking = _sizes(manifest.products, "Sentinel-5P granules")
    keep = config.acquire.sentinel5p.keep
    passing = 0 if keep else IN_HAND * max(sizes, default=0)
    return Cost(
        "Sentinel-5P granules", service_of(config, SENTINEL5P), len(sizes), sum(sizes),
        len(sizes), sum(sizes) if keep else 0, passing, lacking,
    )  # fmt: skip


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


def _maps(config: Config, manifest: Manifest) -> list[Cost]:
    costs = []
    for product in manifest.products:
        at = service(str(product.properties["service"]), config.acquire.endpoints)
        files = len(product.files)
        usual = MAP_BYTES.get(product.id, 0.0)
        size = sum(file.bytes or usual for file in product.files.values())
        lacking: tuple[str, ...] = ()
        if not all(file.bytes for file in product.files.values()):
            counted = "counted as whole files of the usual size" if usual else "not counted"
            lacking = (f"size of {product.id}, which no search tells: {counted}",)
        costs.append(Cost(product.id, at, files, size, files, size, size, lacking))
    return costs


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


def _limits(costs: Sequence[Cost]) -> list[str]:
    services = {cost.service.name: cost.service for cost in costs}
    return ["limits:", *(f"  {name}: {services[name].note}" for name in sorted(services))]


def _accounts(costs: Sequence[Cost]) -> list[str]:
    services = {cost.service.name: cost.service for cost in costs}
    needed = [at for _, at in sorted(services.items()) if at.credentials != "none"]
    lines = [
        f"  {at.name}: {described(at.credentials)}: "
        + ("found" if available(at.credentials, at.host) else "NOT FOUND")
        for at in needed
    ]
    return ["credentials:", *(lines or ["  none needed"])]
