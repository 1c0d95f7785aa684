"""Write one Sentinel-5P L2 NO2 granule in the official layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import netCDF4
import numpy as np

from mmaq.base.files import replacing
from mmaq.simulate.sensors.layout import DIMENSIONS, FILL, PIXEL, PRODUCT, VARIABLES
from mmaq.simulate.sensors.orbits import PERIOD, Orbit
from mmaq.vocabulary import S5P_PRODUCT

COLLECTION, VERSION, FORMAT = "03", "02.04.00", 10400

BEFORE_NODE = timedelta(minutes=50)
"""From the start of an orbit, which its file name carries, to the ascending node; 44 to 52 min."""

REPROCESSED = "20221106T044420"

TO_MOLECULES = np.float32(6.02214e19)

STANDARD_NAMES = {
    "latitude": "latitude", "longitude": "longitude",
    "nitrogendioxide_tropospheric_column": "troposphere_mole_content_of_nitrogen_dioxide",
    "nitrogendioxide_stratospheric_column": "stratosphere_mole_content_of_nitrogen_dioxide",
    "solar_zenith_angle": "solar_zenith_angle", "solar_azimuth_angle": "solar_azimuth_angle",
    "viewing_zenith_angle": "platform_zenith_angle", "viewing_azimuth_angle":
    "platform_azimuth_angle", "surface_altitude": "surface_altitude",
    "surface_pressure": "surface_air_pressure", "eastward_wind": "eastward_wind",
    "northward_wind": "northward_wind",
}  # fmt: skip


@dataclass(frozen=True)
class Naming:
    """Identity of a granule: its orbit and the times that its name and its metadata carry."""

    orbit: Orbit
    first: datetime  # of the first scanline written
    last: datetime

    @property
    def id(self) -> str:
        """Official product name without suffix, 83 characters."""
        start = self.orbit.node_time - BEFORE_NODE
        stop = start + timedelta(seconds=PERIOD)
        return (
            f"S5P_RPRO_{S5P_PRODUCT}_{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}"
            f"_{self.orbit.number:05d}_{COLLECTION}_{VERSION.replace('.', '')}_{REPROCESSED}"
        )

    @property
    def midnight(self) -> datetime:
        """Reference of ``delta_time``: midnight UTC before the first scanline."""
        return self.first.replace(hour=0, minute=0, second=0, microsecond=0)


def write_granule(path: Path, naming: Naming, values: Mapping[str, np.ndarray]) -> None:
    """Write a granule; ``values`` gives each variable of the layout, without the time axis.

    NaN becomes the fill value. Floats keep the mantissa bits that the layout says, so that files
    are small; nothing in the file depends on when it was written.

    Raises:
        KeyError: ``values`` lacks a variable of the layout.
    """
    scanlines = values["latitude"].shape[0]
    with replacing(path) as part, netCDF4.Dataset(part, "w", format="NETCDF4") as file:
        product = file.createGroup(PRODUCT)
        for name, size in DIMENSIONS.items():
            product.createDimension(name, size or scanlines)
        for name in VARIABLES:
            _write_variable(file, name, naming, values[name])
        file.setncatts(root_attributes(naming))
        write_metadata(file.createGroup("METADATA"), naming)


def _write_variable(file: netCDF4.Dataset, name: str, naming: Naming, values: np.ndarray) -> None:
    spec = VARIABLES[name]
    shape = [file[PRODUCT].dimensions[dimension].size for dimension in spec.dimensions]
    values = np.asarray(values).reshape(shape)
    large = "ground_pixel" in spec.dimensions and len(shape) > 1
    group = file.createGroup(spec.group)
    variable = group.createVariable(
        name,
        np.dtype(spec.dtype),
        spec.dimensions,
        compression="zlib" if large else None,
        complevel=1,
        chunksizes=shape if large else None,
        contiguous=not large,
        fill_value=FILL[spec.dtype],
    )
    variable.set_auto_maskandscale(False)
    variable.setncatts(attributes_of(name, naming))
    if values.dtype.kind == "f":
        missing = np.isnan(values)
        values = keep_bits(values.astype(spec.dtype), spec.bits)
        values[missing] = FILL[spec.dtype]
    variable[:] = values.astype(spec.dtype)


def keep_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Round float32 to ``bits`` bits of mantissa, or to multiples of 2**bits if that is negative.

    Float64 stays as it is.
    """
    if bits < 0:
        return np.rint(values * np.float32(2.0**-bits)) * np.float32(2.0**bits)
    if values.dtype != np.float32 or bits >= 23:
        return values
    drop = 23 - bits
    word = values.view(np.uint32) + np.uint32(1 << (drop - 1))
    return (word & np.uint32(0xFFFFFFFF << drop & 0xFFFFFFFF)).view(np.float32)


def attributes_of(name: str, naming: Naming) -> dict[str, object]:
    """Attributes of a variable of the layout."""
    spec = VARIABLES[name]
    result: dict[str, object] = {"long_name": spec.long_name, "units": spec.units}
    if name == "time":
        result["units"] = "seconds since 2010-01-01 00:00:00"
    if name == "delta_time":
        result["units"] = f"milliseconds since {naming.midnight:%Y-%m-%d %H:%M:%S}"
    if name == "qa_value":
        result |= {"scale_factor": np.float32(0.01), "add_offset": np.float32(0.0)}
        result |= {"valid_min": np.uint8(0), "valid_max": np.uint8(100)}
    if name in STANDARD_NAMES:
        result["standard_name"] = STANDARD_NAMES[name]
    if spec.units == "mol m-2":
        result["multiplication_factor_to_convert_to_molecules_percm2"] = TO_MOLECULES
    if name in ("latitude", "longitude"):
        result["bounds"] = f"/PRODUCT/SUPPORT_DATA/GEOLOCATIONS/{name}_bounds"
    elif spec.dimensions[:3] == PIXEL:
        inside = spec.group == PRODUCT
        result["coordinates"] = (
            "longitude latitude" if inside else "/PRODUCT/longitude /PRODUCT/latitude"
        )
    return result


def root_attributes(naming: Naming) -> dict[str, object]:
    """Attributes of the file."""
    days = (naming.midnight - datetime(1950, 1, 1, tzinfo=timezone.utc)).days
    duration = (naming.last - naming.first).total_seconds()
    return {
        "Conventions": "CF-1.7",
        "institution": "MMAQ simulator",
        "source": "Sentinel 5 precursor, TROPOMI, space-borne remote sensing, L2 (simulated)",
        "summary": "TROPOMI/S5P NO2 1-Orbit L2 Swath 5.5x3.5km",
        "title": "TROPOMI/S5P NO2 1-Orbit L2 Swath 5.5x3.5km",
        "id": naming.id,
        "time_reference": f"{naming.midnight:%Y-%m-%dT%H:%M:%SZ}",
        "time_reference_days_since_1950": np.int32(days),
        "time_reference_seconds_since_1970": np.int64(naming.midnight.timestamp()),
        "time_coverage_start": f"{naming.first:%Y-%m-%dT%H:%M:%SZ}",
        "time_coverage_end": f"{naming.last:%Y-%m-%dT%H:%M:%SZ}",
        "time_coverage_duration": f"PT{duration:.3f}S",
        "time_coverage_resolution": "PT0.840S",
        "orbit": np.int32(naming.orbit.number),
        "processor_version": VERSION.replace(".0", "."),
        "algorithm_version": VERSION.replace(".0", "."),
        "product_version": VERSION.replace(".0", "."),
        "platform": "S5P",
        "sensor": "TROPOMI",
        "spatial_resolution": "5.5x3.5km2",
        "cdm_data_type": "Swath",
        "processing_status": "RPRO-processing nominal product",
    }


def write_metadata(group: netCDF4.Group, naming: Naming) -> None:
    """Write the METADATA groups."""
    group.createGroup("GRANULE_DESCRIPTION").setncatts(
        {
            "GranuleStart": f"{naming.first:%Y-%m-%dT%H:%M:%SZ}",
            "GranuleEnd": f"{naming.last:%Y-%m-%dT%H:%M:%SZ}",
            "InstrumentName": "TROPOMI",
            "MissionName": "Sentinel-5 precursor",
            "MissionShortName": "S5P",
            "ProcessLevel": "2",
            "ProcessingCenter": "MMAQ simulator",
            "ProcessorVersion": VERSION.replace(".0", "."),
            "ProductFormatVersion": np.int32(FORMAT),
            "ProcessingMode": "Reprocessing",
            "LongitudeOfDaysideNadirEquatorCrossing": np.float32(naming.orbit.node_longitude),
            "ProductShortName": S5P_PRODUCT,
        }
    )
    for name in ("ALGORITHM_SETTINGS", "QA_STATISTICS", "ESA_METADATA", "ISO_METADATA"):
        group.createGroup(name)
    eop = group.createGroup("EOP_METADATA").createGroup("eop:metaDataProperty")
    eop.setncatts(
        {
            "eop:acquisitionType": "NOMINAL",
            "eop:identifier": naming.id,
            "eop:productType": "S5P_RPRO_NO2___",
            "eop:status": "ACQUIRED",
            "eop:productQualityStatus": "NOMINAL",
        }
    )
