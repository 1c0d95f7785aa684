"""Ways to damage a file: its bytes, its encoding, and, format by format, types and shapes in it."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import h5py
import netCDF4
import numpy as np
import pandas as pd
import rasterio
import torch
import yaml
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine
from safetensors import safe_open
from safetensors.torch import save_file

Random = np.random.Generator
Change = Callable[[Path, Random], None]

ENCODINGS = ("cp1252", "latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp437", "koi8-r",
             "shift_jis", "gb18030", "cp500", "utf-7", "utf-8-sig", "mac-roman")  # fmt: skip
FOREIGN = "Köln Ærø Łódź £ °"


def cut(path: Path, rng: Random) -> None:
    """The end is missing: a little of it, or any share."""
    data = path.read_bytes()
    few = int(rng.integers(1, min(65, len(data) + 1)))
    kept = len(data) - few if rng.random() < 0.3 else int(rng.integers(1, max(len(data), 2)))
    path.write_bytes(data[:kept])


def flip(path: Path, rng: Random) -> None:
    """A few bytes, or a block of the disk, are others."""
    data = bytearray(path.read_bytes())
    if rng.random() < 0.25 and len(data) > 64:
        size = int(rng.choice([16, 64, 512]))
        start = int(rng.integers(0, max(len(data) - size, 1)))
        size = min(size, len(data) - start)
        data[start : start + size] = bytes(size) if rng.random() < 0.5 else rng.bytes(size)
    else:
        # Heads and ends say what a file is: half of the flips are there.
        zone = len(data) if rng.random() < 0.5 else min(len(data), 512)
        for position in rng.integers(0, zone, int(rng.choice([1, 1, 1, 4, 64]))):
            at = int(position) if rng.random() < 0.7 else len(data) - 1 - int(position)
            data[at] ^= int(rng.integers(1, 256))
    path.write_bytes(data)


def empty(path: Path, rng: Random) -> None:
    """Nothing, or nothing but zeros, blanks or line ends."""
    size = path.stat().st_size
    contents = (b"", b"", bytes(size), bytes(1), b" " * size, b"\n", b"\r\n" * 40, b"\xff" * size)
    path.write_bytes(contents[int(rng.integers(len(contents)))])


def recode(path: Path, rng: Random) -> None:
    """The text in another encoding, sometimes with other line ends."""
    text = path.read_text(encoding="utf-8")
    path.write_bytes(_encoded(text, rng))


def _encoded(text: str, rng: Random) -> bytes:
    if rng.random() < 0.5:  # a word in which the encodings differ
        words = [word for word in ("urban", "DE", "mmaq", "simulate", "P") if word in text]
        text = text.replace(words[0], FOREIGN, 1) if words else text
    if rng.random() < 0.3:
        text = text.replace("\n", "\r" if rng.random() < 0.5 else "\r\n")
    return text.encode(str(rng.choice(ENCODINGS)), errors="replace")


def pick(rng: Random, values: Any) -> Any:
    """One of a sequence, of whatever types."""
    values = list(values)
    return values[int(rng.integers(len(values)))]


# ---- tables ------------------------------------------------------------------------------------

WORDS = ("many", "NaN", "-", "1e400", "inf", "-inf", "0x1F", "1,5", "1.234,5", "2021-13-45", "TRUE",
         "=1+1", "1e-400", "--1", "½", "١٢", "", "-99999", "1 000", "1_000", "\0")  # fmt: skip


def retype_table(table: pd.DataFrame, rng: Random) -> pd.DataFrame:
    """A column, or a cell of it, of another kind."""
    table = table.reset_index(drop=True)
    name = pick(rng, table.columns)
    size = len(table)
    others: list[Any] = [
        [pick(rng, WORDS)] * size, rng.normal(size=size) * 1e30, [True] * size,
        pd.to_datetime(["2021-01-01"] * size), [None] * size, rng.integers(-9, 9, size) * 10**9,
        [float("inf")] * size, [""] * size,
    ]  # fmt: skip
    if rng.random() < 0.5:
        cells = table[name].astype(object)
        cells[int(rng.integers(size))] = pick(rng, (*WORDS, -1e9, True, float("inf"), None))
        return table.assign(**{name: [None if cell is None else str(cell) for cell in cells]})
    return table.assign(**{name: pick(rng, others)})


def reshape_table(table: pd.DataFrame, rng: Random) -> pd.DataFrame:
    """Columns or rows missing, doubled, or exchanged."""
    table = table.reset_index(drop=True)
    name = pick(rng, table.columns)
    return pick(
        rng,
        (
            lambda: table.drop(columns=name), lambda: table.rename(columns={name: f"{name}_"}),
            lambda: pd.concat([table, table[[name]]], axis=1), lambda: table.iloc[:0],
            lambda: pd.concat([table, table]), lambda: table.T, lambda: table[[name]],
            lambda: table.iloc[:, ::-1], lambda: table.iloc[: max(len(table) // 2, 1)],
            lambda: table.rename(columns=str.upper),
        ),
    )()  # fmt: skip


def csv_changes(separator: str = ",") -> tuple[Change, Change]:
    """Other types and other shapes of a delimited table."""

    def retype(path: Path, rng: Random) -> None:
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
        retype_table(table, rng).to_csv(path, sep=separator, index=False)

    def reshape(path: Path, rng: Random) -> None:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        row = int(rng.integers(len(lines)))
        if rng.random() < 0.5:
            table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
            reshape_table(table, rng).to_csv(path, sep=separator, index=False)
            return
        others = (
            lines[1:], lines[:1], [*lines[: row + 1], lines[row], *lines[row + 1 :]],
            [*lines[:row], lines[row].replace(separator, ""), *lines[row + 1 :]],
            [*lines[:row], f"a{separator}b{separator}c\n", *lines[row:]],
            [*lines[:row], lines[row].rstrip("\n") + separator * 3 + "x\n", *lines[row + 1 :]],
            [*lines[:row], '"' + lines[row], *lines[row + 1 :]],
            [line.replace(separator, "~") for line in lines],
        )  # fmt: skip
        path.write_text("".join(pick(rng, others)), encoding="utf-8")

    return retype, reshape


def retype_parquet(path: Path, rng: Random) -> None:
    """Another type of a column."""
    retype_table(pd.read_parquet(path), rng).to_parquet(path, index=False)


def reshape_parquet(path: Path, rng: Random) -> None:
    """Other columns or rows; a column of lists."""
    table = pd.read_parquet(path)
    if rng.random() < 0.2:
        name = pick(rng, table.columns)
        table[name] = [[0.5, 1.5]] * len(table)
    else:
        table = reshape_table(table, rng)
        table = table.loc[:, ~table.columns.duplicated()]
        table.columns = table.columns.astype(str)
        table = table.astype(str) if "T" in table or table.dtypes.eq(object).any() else table
    table.to_parquet(path, index=False)


# ---- JSON and YAML -----------------------------------------------------------------------------

OTHERS = ("text", "", -1, 10**30, 1.5, float("nan"), True, None, [], {}, [1, 2], {"a": 1}, "\0",
          [[[]]], "../../x", "/etc/passwd", float("inf"), "2021-99-99")  # fmt: skip


def _nodes(value: Any) -> list[tuple[Any, Any]]:
    """All (container, key) of a nested value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[Any, Any]] = []
    for key, held in list(pairs):
        found.append((value, key))
        if isinstance(held, dict | list):
            found += _nodes(held)
    return found


def retype_tree(value: Any, rng: Random) -> Any:
    """One node of another type."""
    if rng.random() < 0.05 or not _nodes(value):
        return pick(rng, OTHERS)
    where, key = pick(rng, _nodes(value))
    where[key] = pick(rng, OTHERS)
    return value


def reshape_tree(value: Any, rng: Random) -> Any:
    """One node missing, doubled, wrapped, or of another length."""
    if not _nodes(value):
        return [value]
    where, key = pick(rng, _nodes(value))
    held = where[key]
    if rng.random() < 0.4:
        del where[key]
    elif isinstance(held, list) and rng.random() < 0.7:
        where[key] = pick(rng, (held + held, held[:-1], held[::-1], [held], []))
    elif isinstance(where, dict) and rng.random() < 0.5:
        where[f"{key}_"] = where.pop(key)
    else:
        where[key] = pick(rng, ([held], {"a": held}, {str(key): held}))
    return value


def retype_json(path: Path, rng: Random) -> None:
    """One node of another type."""
    path.write_text(
        json.dumps(retype_tree(json.loads(path.read_text(encoding="utf-8")), rng)), encoding="utf-8"
    )


def reshape_json(path: Path, rng: Random) -> None:
    """Another structure."""
    path.write_text(
        json.dumps(reshape_tree(json.loads(path.read_text(encoding="utf-8")), rng)),
        encoding="utf-8",
    )


def retype_yaml(path: Path, rng: Random) -> None:
    """One node of another type."""
    path.write_text(
        yaml.safe_dump(retype_tree(yaml.safe_load(path.read_text(encoding="utf-8")), rng)),
        encoding="utf-8",
    )


def reshape_yaml(path: Path, rng: Random) -> None:
    """Another structure, or YAML's own: a second document, an alias, a tag, a doubled key."""
    text = path.read_text(encoding="utf-8")
    extra = (f"{text}---\n{text}", f"{text}name: twice\nname: again\n", f"{text}x: &a [*a]\n",
             f"{text}grid: !!python/object/apply:os.system ['true']\n", f"- {text}",
             text.replace(":", ""), text.replace("  ", "\t"), f"{text}? [a]\n: b\n",
             f"{text}<<: 3\n", "[" * 5000, f"{text}s: !!set {{a, b}}\n",
             f"{text}b: !!binary eA==\n")  # fmt: skip
    if rng.random() < 0.6:
        path.write_text(pick(rng, extra), encoding="utf-8")
    else:
        path.write_text(yaml.safe_dump(reshape_tree(yaml.safe_load(text), rng)), encoding="utf-8")


# ---- arrays ------------------------------------------------------------------------------------


def retype_array(values: np.ndarray, rng: Random) -> np.ndarray:
    """The same shape with another type."""
    kinds: tuple[Any, ...] = (
        np.float64, np.complex64, "U8", "S4", bool, np.int8, ">u2", ">f4", np.float16, object,
        "M8[s]", np.uint64, [("a", "u2"), ("b", "f4")],
    )  # fmt: skip
    kind = pick(rng, kinds)
    if isinstance(kind, list):
        return np.zeros(values.shape, kind)
    if kind == "M8[s]":
        return values.astype(np.int64).astype(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        changed = values.astype(kind)
    if changed.dtype.kind == "f" and rng.random() < 0.5:
        changed.flat[int(rng.integers(changed.size))] = pick(rng, (np.nan, np.inf, -1e30))
    return changed


def reshape_array(values: np.ndarray, rng: Random) -> np.ndarray:
    """The same type with another shape."""
    return pick(
        rng,
        (values.T, values.ravel(), values[None], values[:0], values[:-1], values[..., :-1],
         values[..., 0], values.ravel()[0], np.concatenate([values, values]),
         values[:, :0] if values.ndim > 1 else values[:0], np.swapaxes(values, 0, -1)),
    )  # fmt: skip


def retype_npy(path: Path, rng: Random) -> None:
    """Another type; one of objects is a pickle."""
    np.save(path, retype_array(np.load(path), rng), allow_pickle=True)


def reshape_npy(path: Path, rng: Random) -> None:
    """Another shape, or the order of Fortran."""
    values = np.load(path)
    if rng.random() < 0.2:
        np.save(path, np.asfortranarray(values))
    elif rng.random() < 0.2:
        with path.open("wb") as stream:
            np.savez(stream, values=values)
    else:
        np.save(path, reshape_array(values, rng))


# ---- rasters -----------------------------------------------------------------------------------


def _rewrite(path: Path, bands: np.ndarray, profile: dict[str, Any]) -> None:
    count, height, width = bands.shape
    known = {key: profile.get(key) for key in ("driver", "crs", "transform", "nodata")}
    if known["driver"] == "JP2OpenJPEG":
        known |= {"reversible": True, "quality": 100}
    if known["nodata"] is not None and bands.dtype.kind != "f":
        info = np.iinfo(bands.dtype) if bands.dtype.kind in "iu" else None
        if info is None or not info.min <= known["nodata"] <= info.max:
            known["nodata"] = None
    shape = {"count": count, "height": height, "width": width, "dtype": bands.dtype}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **known, **shape) as file:
            file.write(bands)


def _read(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    with rasterio.open(path) as file:
        return file.read(), dict(file.profile)


def retype_raster(path: Path, rng: Random) -> None:
    """Another type of cells, or values that are none of this map."""
    bands, profile = _read(path)
    kinds: tuple[Any, ...] = ("uint8", "uint16", "int16", "int32", "uint32")
    if profile["driver"] == "GTiff":
        kinds += ("float32", "float64", "complex64", "float32", "float32")
    changed = bands.astype(pick(rng, kinds))
    if changed.dtype.kind == "f":
        values = (np.nan, np.inf, -3.4e38, -32768, 1e6, 0.5)
        changed[:, rng.random(changed.shape[1:]) < rng.random()] = pick(rng, values)
    elif rng.random() < 0.5 and changed.dtype.kind != "c":
        info = np.iinfo(changed.dtype)
        changed[:, rng.random(changed.shape[1:]) < rng.random()] = pick(rng, (info.min, info.max))
    _rewrite(path, changed, profile)


def reshape_raster(path: Path, rng: Random) -> None:
    """Other bands, sides or place."""
    bands, profile = _read(path)
    if rng.random() < 0.5:
        shapes = (bands[:, :1], bands[:, :, :1], bands[:, :1, :1], np.concatenate([bands] * 2),
                  bands[:, ::2], bands[:, : bands.shape[1] // 2], bands[:1, :, ::3])  # fmt: skip
        _rewrite(path, pick(rng, shapes), profile)
        return
    old = profile["transform"]
    places = (
        {"crs": None}, {"crs": "EPSG:4326"}, {"crs": "EPSG:3857"}, {"crs": "EPSG:32601"},
        {"transform": Affine.identity()}, {"transform": old * Affine.rotation(30)},
        {"transform": Affine(old.a, 0, old.c, 0, -old.e, old.f)},
        {"transform": Affine(-old.a, 0, old.c, 0, old.e, old.f)},
        {"transform": Affine(old.a * 1e-6, 0, old.c, 0, old.e * 1e-6, old.f)},
        {"transform": Affine(old.a, 0, old.c + 1e7, 0, old.e, old.f)},
        {"transform": Affine(old.a, 0, old.c, 0, old.e * 3, old.f)},
        {"transform": Affine(0, 0, old.c, 0, 0, old.f)},
        {"transform": Affine(float("nan"), 0, old.c, 0, old.e, old.f)},
    )  # fmt: skip
    _rewrite(path, bands, profile | pick(rng, places))


# ---- NetCDF ------------------------------------------------------------------------------------


def _datasets(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(
        lambda name, held: found.append(name) if isinstance(held, h5py.Dataset) else None
    )
    return found


def _replace(path: Path, rng: Random, change: Callable[[np.ndarray, Random], np.ndarray]) -> None:
    with path.open("rb") as stream:
        classic = stream.read(3) == b"CDF"
    if classic:
        _rewrite_classic(path, rng, change)
        return
    with h5py.File(path, "r+") as file:
        name = pick(rng, _datasets(file))
        old = file[name]
        kept = set(old.attrs) & {"units", "scale_factor", "add_offset", "standard_name"}
        attributes = {key: old.attrs[key] for key in sorted(kept)}
        values = change(old[()], rng)
        del file[name]
        if values.dtype.kind in "UO":
            values = values.astype("S8")
        if values.dtype.kind == "M":
            values = values.astype(np.int64)
        file[name] = values
        file[name].attrs.update(attributes)


def _rewrite_classic(
    path: Path, rng: Random, change: Callable[[np.ndarray, Random], np.ndarray]
) -> None:
    with netCDF4.Dataset(path) as old:
        old.set_auto_maskandscale(False)
        attributes = {key: old.getncattr(key) for key in old.ncattrs()}
        held = {name: (variable[:], {key: variable.getncattr(key) for key in variable.ncattrs()
                                     if key != "_FillValue"})
                for name, variable in old.variables.items()}  # fmt: skip
    name = pick(rng, held)
    values = np.atleast_1d(change(held[name][0], rng))
    kinds = {"S": "S1", "U": "S1", "O": "f8", "b": "i1", "c": "f4", "M": "i4", "V": "i4"}
    if values.dtype.kind in kinds or values.dtype.itemsize > 8 or values.dtype.kind == "u":
        values = np.zeros(values.shape, kinds.get(values.dtype.kind, "f8"))
    if values.dtype.name in ("int64", "float16"):
        values = values.astype("f8")
    held[name] = values.astype(values.dtype.newbyteorder("=")), held[name][1]
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as new:
        new.setncatts(attributes)
        for key, (array, about) in held.items():
            sides = []
            for size in array.shape:
                side = "time" if size == 6 else f"independent_{size}"
                if side not in new.dimensions:
                    new.createDimension(side, size)
                sides.append(side)
            variable = new.createVariable(key, array.dtype, sides)
            variable[:] = array
            variable.setncatts(about)


def retype_netcdf(path: Path, rng: Random) -> None:
    """Another type of a variable, another unit, or values that it cannot have."""

    def change(values: np.ndarray, rng: Random) -> np.ndarray:
        if values.dtype.kind == "f" and rng.random() < 0.5:
            changed = values.copy()
            worst = (np.nan, np.inf, 1e30, -1e30, 9.96921e36)
            changed[rng.random(values.shape) < rng.random()] = pick(rng, worst)
            return changed
        return retype_array(values, rng)

    with path.open("rb") as stream:
        classic = stream.read(3) == b"CDF"
    if not classic and rng.random() < 0.3:
        with h5py.File(path, "r+") as file:
            wanted = {"units", "scale_factor", "add_offset", "_FillValue"}
            names = _datasets(file)
            attributes = [
                (name, key) for name in names for key in file[name].attrs if key in wanted
            ]
            if attributes:
                name, key = pick(rng, attributes)
                del file[name].attrs[key]
                file[name].attrs[key] = pick(rng, ("K", 5, [1, 2], -1e30, "", np.nan))
                return
    _replace(path, rng, change)


def reshape_netcdf(path: Path, rng: Random) -> None:
    """Another shape of a variable, or one that is missing."""
    with path.open("rb") as stream:
        classic = stream.read(3) == b"CDF"
    if not classic and rng.random() < 0.3:
        with h5py.File(path, "r+") as file:
            del file[pick(rng, [*_datasets(file), *file])]
        return

    def change(values: np.ndarray, rng: Random) -> np.ndarray:
        return np.asarray(reshape_array(np.atleast_1d(values), rng))

    _replace(path, rng, change)


# ---- GeoPackage --------------------------------------------------------------------------------


def retype_roads(path: Path, rng: Random) -> None:
    """Geometries that are no lines, or in no place."""
    roads = geopandas.read_file(path)
    line = roads.geometry
    changes = (
        lambda: roads.set_geometry(line.buffer(5)), lambda: roads.set_geometry(line.centroid),
        lambda: roads.set_geometry(line.scale(np.nan, 1)), lambda: roads.drop(columns="geometry"),
        lambda: roads.set_geometry(line.translate(1e300)),
        lambda: roads.set_geometry(line.scale(1e-30, 1e-30)),
        lambda: roads.set_geometry(geopandas.GeoSeries([None] * len(roads), crs=roads.crs)),
        lambda: roads.set_geometry(line.scale(1e9, 1e9)),
        lambda: roads.set_geometry(line.force_3d(np.nan)),
        lambda: roads.set_geometry(line.translate(np.inf)),
        lambda: roads.set_geometry(geopandas.GeoSeries.from_wkt(
            ["LINESTRING EMPTY", *["GEOMETRYCOLLECTION EMPTY"] * (len(roads) - 1)], crs=roads.crs)),
    )  # fmt: skip
    _write_roads(path, pick(rng, changes)(), None)


def reshape_roads(path: Path, rng: Random) -> None:
    """Another system, layers, or no road at all."""
    roads = geopandas.read_file(path)
    choice = int(rng.integers(7))
    path_layers = (None, "a")
    if choice == 0:
        _write_roads(path, roads.iloc[:0], None)
    elif choice == 1:
        _write_roads(path, roads.set_crs(None, allow_override=True), None)
    elif choice == 2:
        system = pick(rng, (4326, 3857, 4978, 32601, 2056, 27700))
        _write_roads(path, roads.set_crs(system, allow_override=True), None)
    elif choice == 3:
        path.unlink()
        for layer in ("a", "b"):
            roads.to_file(path, layer=layer, driver="GPKG", mode="a" if path.exists() else "w")
    elif choice == 4:
        _write_roads(path, pd.concat([roads] * 50, ignore_index=True), None)
    elif choice == 5:
        _write_roads(path, roads.dissolve(), path_layers[1])
    else:
        other = path.with_suffix(pick(rng, (".geojson", ".fgb")))
        roads.to_file(other)
        other.replace(path)


def _write_roads(path: Path, roads: Any, layer: str | None) -> None:
    path.unlink()
    if isinstance(roads, geopandas.GeoDataFrame):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            roads.to_file(path, driver="GPKG", layer=layer)
    else:
        import pyogrio

        pyogrio.write_dataframe(roads, path, driver="GPKG", layer="roads")


# ---- tensors -----------------------------------------------------------------------------------


def _of_tensor(value: torch.Tensor, rng: Random, change: Callable[..., np.ndarray]) -> torch.Tensor:
    try:
        return torch.from_numpy(np.array(change(np.atleast_1d(value.numpy()), rng)))
    except TypeError:  # a type that tensors have not
        return torch.full(value.shape, pick(rng, (torch.nan, torch.inf, 1e38)))


def _changed(tensors: dict[str, Any], rng: Random, change: Callable[..., np.ndarray]) -> None:
    name = pick(rng, [key for key, value in tensors.items() if isinstance(value, torch.Tensor)])
    if rng.random() < 0.2:
        tensors.pop(name)
    elif rng.random() < 0.2:
        tensors[f"{name}_"] = tensors.pop(name)
    else:
        tensors[name] = _of_tensor(tensors[name], rng, change)


def safetensors_change(array: Callable[..., Any], tree: Callable[..., Any]) -> Change:
    """A tensor, or the description in the file's head, is another."""

    def change(path: Path, rng: Random) -> None:
        with safe_open(path, framework="pt") as file:
            about = file.metadata()
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        if rng.random() < 0.5:
            key = pick(rng, about)
            about[key] = json.dumps(tree(json.loads(about[key]), rng))
        else:
            _changed(tensors, rng, array)
        save_file({name: value.contiguous() for name, value in tensors.items()}, path, about)

    return change


def checkpoint_change(array: Callable[..., Any], tree: Callable[..., Any]) -> Change:
    """A tensor, or the description, of a training checkpoint is another."""

    def change(path: Path, rng: Random) -> None:
        held = torch.load(path, weights_only=True)
        choice = rng.random()
        if choice < 0.4:
            held["mmaq"] = json.dumps(tree(json.loads(held["mmaq"]), rng))
        elif choice < 0.8:
            _changed(held["state_dict"], rng, array)
        else:
            held = pick(rng, ([held], held["state_dict"], {"mmaq": 3}, {**held, "state_dict": []},
                              {**held, "mmaq": b"\xff"}, held["mmaq"],
                              {**held, "state_dict": {3: torch.zeros(2)}}))  # fmt: skip
        torch.save(held, path)

    return change


# ---- zip ---------------------------------------------------------------------------------------


def _members(path: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _write_zip(path: Path, members: list[tuple[str, bytes]], method: int) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name, content in members:
            archive.writestr(name, content)


def retype_zip(path: Path, rng: Random) -> None:
    """A member that is something else, or another archive under this name."""
    members = _members(path)
    name, content = members[0]
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    inner = path.read_bytes()
    contents = (rng.bytes(200), inner, b"", content[::-1], b"\0" * 500, b"<html></html>", content)
    members[0] = (name, pick(rng, contents))
    _write_zip(path, members, pick(rng, methods))
    if rng.random() < 0.25:
        import gzip
        import tarfile

        if rng.random() < 0.5:
            path.write_bytes(gzip.compress(pick(rng, (content, inner))))
        else:
            whole = path.read_bytes()
            other = path.with_name("inner")
            other.write_bytes(whole)
            with tarfile.open(path, "w:gz") as archive:
                archive.add(other, "inner")
            other.unlink()


def reshape_zip(path: Path, rng: Random) -> None:
    """Members missing, doubled, added or elsewhere."""
    members = _members(path)
    first = members[0]
    others = (
        [], [first, first], [*members, ("more.csv", first[1])], [(f"deep/{first[0]}", first[1])],
        [(f"../{first[0]}", first[1])], members[1:], [(f"{first[0]}/", b"")],
        [*members, ("__MACOSX/._a", b"\0")], [("", first[1])], [("a\0b.csv", first[1])],
        [(first[0], first[1] * 2000)],
    )  # fmt: skip
    _write_zip(path, pick(rng, others), zipfile.ZIP_DEFLATED)


def recode_zip(path: Path, rng: Random) -> None:
    """The text of a member, or its name, in another encoding."""
    members = _members(path)
    name, content = members[0]
    if rng.random() < 0.3:
        name = f"{FOREIGN}.csv"
    members[0] = (name, _encoded(content.decode("utf-8", "replace"), rng))
    _write_zip(path, members, zipfile.ZIP_DEFLATED)
    if rng.random() < 0.3:  # the flag that says that names are UTF-8
        data = bytearray(path.read_bytes())
        data[7] ^= 8
        path.write_bytes(data)
