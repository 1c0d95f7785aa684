"""The part ``untrusted``: files and hosts that mean harm, each tried in a process with limits.

Archives that climb out of their folder, files that unpack to far more than they are, pickles in
every file that is loaded, and hosts that ask for credentials or give somebody else's file.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import pickle
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch

from benchmarks.campaign.limits import Ended, Worker
from benchmarks.campaign.record import Record, counted, told_wrong
from benchmarks.campaign.targets import TARGETS

MARK = "harmed"
"""A file that appears beside a case's folder where its code ran, or its archive climbed out."""


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (self.mark,)


Case = Callable[[Path], None]


def refused(work: Path, name: str, worker: Worker) -> tuple[str, str]:
    """Whether a case is refused in one line and does no harm."""
    folder = work / "case" / "in"
    shutil.rmtree(work / "case", ignore_errors=True)
    folder.mkdir(parents=True)
    found = worker.call(name, folder)
    harm = [path for path in (work / "case").rglob("*") if MARK in path.name]
    harm += [path for path in (Path("/tmp", MARK), Path("/", MARK)) if path.exists()]
    if harm:
        return "wrong: harm was done", f"{harm[0]}"
    if isinstance(found, Ended):
        return f"wrong: {found.how}", ""
    if found is None:
        return "harmless", ""
    if found.bug or "memory ran out" in found.told:
        return "wrong: no plain refusal", f"{found.told}\n{found.trace}"
    return "refused", found.told


# ---- archives ------------------------------------------------------------------------------------


def _climbing(member: str | zipfile.ZipInfo, content: bytes = b"x") -> Case:
    def case(folder: Path) -> None:
        from mmaq.acquire.services.unpack import unpack_zip

        with zipfile.ZipFile(folder / "p.zip", "w") as archive:
            archive.writestr("good", b"a")
            archive.writestr(member, content)
        unpack_zip(folder / "p.zip", folder / "deep" / "out")

    return case


def _special(kind: int, target: str) -> Case:
    info = zipfile.ZipInfo("link")
    info.external_attr = (kind | 0o777) << 16
    return _climbing(info, target.encode())


def _link_then_member(folder: Path) -> None:
    """A link out of the folder, then a member through it."""
    from mmaq.acquire.services.unpack import unpack_zip

    link = zipfile.ZipInfo("a")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(folder / "p.zip", "w") as archive:
        archive.writestr(link, str(folder.parent))
        archive.writestr(f"a/{MARK}", b"x")
    unpack_zip(folder / "p.zip", folder / "out")


def _zip_of_zeros(path: Path, name: str, size: int) -> Path:
    """An archive of ``size`` zeros in some thousandths of it."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(name, "w", force_zip64=True) as stream,
    ):
        for _ in range(size // 2**24):
            stream.write(bytes(2**24))
    return path


def _lying_zip(folder: Path) -> None:
    """A bomb whose directory gives a small size."""
    from mmaq.acquire.services.unpack import unpack_zip

    path = _zip_of_zeros(folder / "p.zip", "a", 2**27)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\1\2")
    data[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    path.write_bytes(data)
    unpack_zip(path, folder / "out")
    held = sum(each.stat().st_size for each in (folder / "out").rglob("*"))
    (folder / f"{MARK}-{held}").touch()


def _bomb(folder: Path) -> None:
    from mmaq.acquire.services.unpack import unpack_zip

    unpack_zip(_zip_of_zeros(folder / "p.zip", "a", 2**28), folder / "out")


def _table_in(pack: Callable[[Path], Path]) -> Case:
    def case(folder: Path) -> None:
        from mmaq.base.tables import read_table

        read_table(pack(folder), ["a"])

    return case


def _gzip_of_zeros(folder: Path) -> Path:
    path = folder / "table.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(2**29 // 2**24):
            stream.write(bytes(2**24))
    return path


def _huge_netcdf(folder: Path) -> None:
    """A granule of 10^10 pixels, none of which was written."""
    from mmaq.config.data import Grid
    from mmaq.sentinel5p.by_hand import grid_files
    from tests.sentinel5p.granules import COLUMN, swath, write_granule

    lon, lat = swath(4, 4)
    path = write_granule(folder / "a.nc", np.ones(lon.shape[:2]) * 1e-5, lon, lat)
    size = 100_000
    with h5py.File(path, "r+") as file:
        places = "PRODUCT/SUPPORT_DATA/GEOLOCATIONS"
        for name, more in (
            (f"PRODUCT/{COLUMN}", ()), ("PRODUCT/qa_value", ()), ("PRODUCT/latitude", ()),
            (f"{places}/latitude_bounds", (4,)), (f"{places}/longitude_bounds", (4,)),
        ):  # fmt: skip
            kept = dict(file[name].attrs)
            kind = file[name].dtype
            del file[name]
            chunks = (1, 100, 1000, *more)
            made = file.create_dataset(name, (1, size, size, *more), kind, chunks=chunks,
                                       compression="gzip")  # fmt: skip
            for key in ("units", "scale_factor", "add_offset"):
                if key in kept:
                    made.attrs[key] = kept[key]
    grid_files([path], Grid(bbox=(4.0, 50.0, 6.0, 51.5)), folder / "l3.nc")


def _huge_raster(folder: Path) -> None:
    """A map of 10^12 cells without a single one written."""
    import rasterio
    from rasterio.transform import from_origin

    from mmaq.landuse.maps import disc_means

    profile = {"driver": "GTiff", "count": 1, "height": 10**6, "width": 10**6, "dtype": "float32",
               "crs": 3857, "transform": from_origin(-2e7, 2e7, 40, 40), "tiled": True,
               "SPARSE_OK": True, "BIGTIFF": "YES"}  # fmt: skip
    with rasterio.open(folder / "population.tif", "w", **profile):
        pass
    disc_means(folder / "population.tif", np.array([5.0]), np.array([50.0]), 1000.0)


def _npy_of(shape: str, name: str) -> Case:
    """An array whose head promises what is not there."""
    number = [target.name for target in TARGETS].index(name)

    def case(folder: Path) -> None:
        target = TARGETS[number]
        target.make(folder)
        head = f"{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        whole = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode()
        (folder / target.file).write_bytes(whole + bytes(100))
        target.read(folder)

    return case


def _yaml_of(text: str) -> Case:
    def case(folder: Path) -> None:
        from mmaq.config.load import load_config

        (folder / "mine.yaml").write_text(text, encoding="utf-8")
        load_config(folder / "mine.yaml")

    return case


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(9)
)  # fmt: skip


def _deep_json(folder: Path) -> None:
    from mmaq.contracts.archive import read_collection

    path = folder / "sentinel-2-l2a" / "collection.json"
    path.parent.mkdir()
    path.write_text('{"links": ' + "[" * 200_000 + "]" * 200_000 + "}", encoding="utf-8")
    read_collection(folder, "sentinel-2-l2a")


def _json_path(href: str) -> Case:
    """An item whose file lies elsewhere: absolute paths are allowed, for files of the user's."""

    def case(folder: Path) -> None:
        from mmaq.contracts.archive import read_collection

        path = folder / "sentinel-2-l2a" / "collection.json"
        path.parent.mkdir()
        path.write_text(json.dumps({"links": [{"rel": "item", "href": href}]}), encoding="utf-8")
        read_collection(folder, "sentinel-2-l2a")

    return case


def _long_parquet(folder: Path) -> None:
    """A table of 10^9 equal rows in some kilobytes."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    from mmaq.contracts.sites import read_sites

    schema = arrow.schema([("site_id", arrow.dictionary(arrow.int32(), arrow.string()))])
    part = arrow.DictionaryArray.from_arrays(
        arrow.array(np.zeros(2_000_000, np.int32)), arrow.array(["a"])
    )
    with parquet.ParquetWriter(folder / "sites.parquet", schema) as writer:
        for _ in range(100):
            writer.write_table(arrow.Table.from_arrays([part], schema=schema))
    read_sites(folder / "sites.parquet")


# ---- pickles -------------------------------------------------------------------------------------


def _pickle_in(name: str, form: str) -> Case:
    """The file of a target is a pickle of one form or another."""
    number = [target.name for target in TARGETS].index(name)

    def case(folder: Path) -> None:
        target = TARGETS[number]
        target.make(folder)
        path, payload = folder / target.file, Payload(folder / MARK)
        sink = io.BytesIO()
        if form == "plain":
            pickle.dump(payload, sink)
        elif form == "objects":
            np.save(sink, np.array([payload], object), allow_pickle=True)
        elif form == "npz":
            np.savez(sink, values=np.array([payload], object))
        elif form == "torch":
            torch.save({"state_dict": {}, "mmaq": payload}, sink)
        elif form == "old torch":
            torch.save({"mmaq": payload}, sink, _use_new_zipfile_serialization=False)
        else:
            frame = path.with_suffix(".pkl")
            pd.to_pickle(payload, frame)
            sink.write(frame.read_bytes())
        path.write_bytes(sink.getvalue())
        target.read(folder)

    return case


LOADED = {
    "objects": [target.name for target in TARGETS if target.format == ".npy"],
    "npz": [target.name for target in TARGETS if target.format == ".npy"],
    "torch": [target.name for target in TARGETS if target.format in ("checkpoint", "safetensors")],
    "old torch": [target.name for target in TARGETS if target.format == "checkpoint"],
    "plain": [target.name for target in TARGETS],
}


# ---- hosts ---------------------------------------------------------------------------------------


def _redirected(status: int, where: str) -> Case:
    """A service that sends whoever asks, with a token, on to another host."""

    def case(folder: Path) -> None:
        from mmaq.acquire.services.client import Client
        from mmaq.acquire.services.endpoints import service
        from tests.servers.faulty import Answer, Status, faulty

        os.environ["OPENAQ_API_KEY"] = "a-secret-key"
        fault: Exception | None = None
        with faulty(answer=lambda _: Answer.json({})) as other, faulty(folder) as server:
            target = other.url.replace("127.0.0.1", "localhost") if where == "host" else other.url
            server.always["/a"] = Status(status, {"Location": f"{target}/b"})
            client = Client(service("openaq", {"openaq": server.url}), attempts=1)
            try:
                client.get_json(f"{server.url}/a")
            except Exception as error:
                fault = error
        if any("a-secret-key" in repr(vars(asked)) for asked in other.log):
            (folder / MARK).mkdir()
        if fault is not None:
            raise fault

    return case


def _somebody_elses(known: str) -> Case:
    """A host that answers with another file of the same size."""

    def case(folder: Path) -> None:
        from mmaq.acquire.services.client import Client
        from mmaq.acquire.services.download import RemoteFile, fetch_file
        from mmaq.acquire.services.endpoints import service
        from tests.servers.faulty import Answer, faulty

        right, wrong = b"right" * 100, b"wrong" * 100
        sums = {"md5": hashlib.md5(right).hexdigest(), "sha256": hashlib.sha256(right).hexdigest(),
                "bytes": len(right) + 1}  # fmt: skip
        with faulty(answer=lambda _: Answer(body=wrong)) as server:
            remote = RemoteFile(href=f"{server.url}/a.nc", **{known: sums[known]})
            client = Client(service("earth-search", {"earth-search": server.url}), attempts=1)
            try:
                fetch_file(client, remote, folder / "a.nc")
            finally:
                if (folder / "a.nc").exists():
                    (folder / MARK).mkdir()

    return case


CASES: dict[str, Case] = {
    **{f"archive: a member {name!r}": _climbing(name) for name in (
        f"../{MARK}", f"a/../../{MARK}", f"/tmp/{MARK}", f"C:/{MARK}", f"..\\{MARK}",
        f"a\\..\\..\\{MARK}", f"./../{MARK}", f"//{MARK}", f"a/./../../../{MARK}",
    )},
    "archive: a link": _special(stat.S_IFLNK, "/etc/passwd"),
    "archive: a device": _special(stat.S_IFCHR, ""),
    "archive: a pipe": _special(stat.S_IFIFO, ""),
    "archive: a member through a link": _link_then_member,
    "bomb: a product of 256 MiB of zeros": _bomb,
    "bomb: its directory lies about the size": _lying_zip,
    "bomb: a zipped table of 512 MiB": _table_in(
        lambda folder: _zip_of_zeros(folder / "table.zip", "t.csv", 2**29)),
    "bomb: a gzipped table of 512 MiB": _table_in(_gzip_of_zeros),
    "bomb: a granule of 10^10 pixels": _huge_netcdf,
    "bomb: a raster of 10^12 cells": _huge_raster,
    **{f"bomb: {name} of {shape}": _npy_of(shape, name)
       for name in LOADED["objects"] for shape in ("(9999999999999,)", "(3000000000, 12, 16, 16)")},
    "bomb: YAML of a billion words": _yaml_of(LAUGHS),
    "bomb: YAML of a billion words at a key": _yaml_of(LAUGHS + "name: *j\n"),
    "bomb: YAML that holds itself": _yaml_of("name: &a [*a]\n"),
    "bomb: JSON 200,000 deep": _deep_json,
    "bomb: a site table of 2 10^8 equal rows": _long_parquet,
    **{f"item: at {href}": _json_path(href)
       for href in ("/etc/passwd", "../../../etc/passwd")},
    **{f"code: {form} as {name}": _pickle_in(name, form)
       for form, names in LOADED.items() for name in names},
    "code: a YAML tag": _yaml_of(f"name: !!python/object/apply:os.mkdir ['{MARK}']\n"),
    "code: a YAML object": _yaml_of("name: !!python/name:os.system ''\n"),
    **{f"host: redirect {status} to another {where}": _redirected(status, where)
       for status in (301, 302, 303, 307, 308) for where in ("host", "port")},
    **{f"host: somebody else's file, {known} known": _somebody_elses(known)
       for known in ("md5", "sha256", "bytes")},
}  # fmt: skip
"""What to try, by name. A redirect that is followed without the key is harmless."""


def attempt(name: str, folder: Path) -> None:
    """Try one case in an empty folder."""
    CASES[name](folder)


def run(work: Path) -> None:
    """Do what the record lacks."""
    record = Record(work / "untrusted.jsonl")
    worker = Worker(attempt)
    for name in CASES:
        if name not in record:
            verdict, told = refused(work, name, worker)
            record.add(name, kind=name.split(":")[0], verdict=verdict, told=told)
    worker.end()


def summary(work: Path) -> str:
    """A table of verdicts by kind."""
    return counted(Record(work / "untrusted.jsonl"), "kind", ("refused", "harmless", "wrong"))


def wrong(work: Path) -> list[str]:
    """A line a case that came out wrong."""
    return told_wrong(Record(work / "untrusted.jsonl"))
