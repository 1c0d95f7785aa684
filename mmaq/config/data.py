"""Where the data come from, and how it becomes grids, sites and patches."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from mmaq.config.base import Count, Positive, Section, Seed, Share
from mmaq.vocabulary import S5P_COLUMN

IMAGE_FOLDERS = {"s2": "sentinel-2", "s5p": "sentinel-5p"}
"""Below ``published.images``."""


def _written_out(value: Any) -> Any:
    """A number would be read as seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and "-" in value[1:]):
        return value
    raise ValueError("write a day as 2021-01-01")


Day = Annotated[date, Field(le=date(9998, 12, 31)), BeforeValidator(_written_out)]
"""The calendar of Python ends with the year after, in which the parts of a period end."""


class Period(Section):
    """Days whose satellite products are used, both ends included."""

    start: Day = Field(default=date(2021, 1, 1), description="First day.")
    end: Day = Field(default=date(2021, 12, 31), description="Last day.")

    @model_validator(mode="after")
    def _ordered(self) -> Period:
        if self.end < self.start:
            raise ValueError("end lies before start")
        return self

    def parts(
        self, length: Literal["day", "month", "quarter", "year"]
    ) -> dict[str, tuple[date, date]]:
        """Calendar parts of the period by name ("2021Q1"), each with its first and last day."""
        if length == "day":
            number = (self.end - self.start).days + 1
            days = [self.start + timedelta(days=after) for after in range(number)]
            return {day.isoformat(): (day, day) for day in days}
        months = {"month": 1, "quarter": 3, "year": 12}[length]
        found: dict[str, tuple[date, date]] = {}
        first = self.start
        while first <= self.end:
            index = (first.month - 1) // months
            following = first.year * 12 + (index + 1) * months
            after = date(following // 12, following % 12 + 1, 1)
            label = {"month": f"M{first.month:02d}", "quarter": f"Q{index + 1}", "year": ""}[length]
            found[f"{first.year}{label}"] = (first, min(self.end, after - timedelta(days=1)))
            first = after
        return found

    def parts_within(
        self, span: str, length: Literal["day", "month", "quarter", "year"]
    ) -> list[str]:
        """The parts of ``length`` that make up ``span`` ("2021", "2021Q1", "2021M03").

        Raises:
            ValueError: the period has no such span, or parts of this length do not make it up.
        """
        spans = self.parts("year") | self.parts("quarter") | self.parts("month")
        if span not in spans:
            raise ValueError(f"{span} is no year, quarter or month of the period")
        first, last = spans[span]
        parts = self.parts(length)
        chosen = [name for name, (a, b) in parts.items() if first <= a and b <= last]
        if not chosen or parts[chosen[0]][0] != first or parts[chosen[-1]][1] != last:
            raise ValueError(f"{span} is shorter than a {length}: set grid.part to a shorter one")
        return chosen


class Simulate(Section):
    """The simulated country: one more satellite. Its physics is frozen by ``world_version``."""

    world_version: Literal[1] = Field(default=1, description="Version of the world's physics.")
    seed: Seed = Field(default=1, description="Seed of the land, the weather and the noise.")
    extent_km: Annotated[float, Field(ge=60, le=600)] = Field(
        default=600.0, description="Side of the square land, rounded to 4 km."
    )
    stations: Count = Field(default=1000, description="Stations that measure NO2.")
    unlabelled: int = Field(default=2000, ge=0, description="Sites without a measurement.")
    orbit_interval_days: Count = Field(
        default=3, description="Days from one Sentinel-5P orbit to the next."
    )
    scene_dates: Count = Field(default=3, description="Sentinel-2 dates for each tile.")
    area_km: Annotated[float, Field(ge=0, le=40)] = Field(
        default=24.0,
        description="Side of the area around the largest city that Sentinel-2 sees whole and whose "
        "true NO2 is written cell by cell; 0: none.",
    )


class Files(Section):
    """Files that the user already has; folders are searched for products by their names."""

    sentinel2: str | None = Field(default=None, description="Folder of Sentinel-2 L2A scenes.")
    sentinel5p: str | None = Field(default=None, description="Folder of Sentinel-5P L2 granules.")
    ancillary: str | None = Field(
        default=None,
        description="Folder of dem.tif, population.tif, land_cover.tif, roads.gpkg; "
        "power_plants.csv where there is one.",
    )
    stations: str | None = Field(
        default=None, description="Folder of EEA Parquet measurements and the EEA station table."
    )
    land_cover_legend: Literal["worldcover", "corine", "corine-grid"] | None = Field(
        default=None,
        description="Legend of land_cover.tif: corine has three digits, corine-grid 1 to 44; "
        "none: told by the codes.",
    )
    population_nodata: Literal["unknown", "nobody"] = Field(
        default="unknown",
        description="What no data means in population.tif; a constrained WorldPop leaves out "
        "cells where nobody lives.",
    )
    unlabelled: str | None = Field(
        default=None, description="Table (CSV) of unlabelled sites: site_id, lon, lat, country."
    )

    @property
    def searched(self) -> tuple[str, ...]:
        """Folders that are searched to any depth, and the table, where they are given."""
        given = (self.sentinel2, self.sentinel5p, self.stations, self.unlabelled)
        return tuple(filter(None, given))


class Published(Section):
    """A sample table in the published layout (``pollutant_ssl.csv``) and what belongs to it."""

    samples: str | None = Field(default=None, description="Sample table (CSV).")
    eea_metadata: str | None = Field(
        default=None, description="EEA station table (tab-separated, zipped): coordinates."
    )
    osm: str | None = Field(default=None, description="OpenStreetMap columns by station (CSV).")
    images: str | None = Field(
        default=None, description="Folder that holds sentinel-2/ and sentinel-5p/; may be absent."
    )

    @property
    def tables(self) -> tuple[str, ...]:
        """Paths of the tables that are given."""
        return tuple(path for path in (self.samples, self.eea_metadata, self.osm) if path)

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders of the images, where these are given."""
        return tuple(f"{self.images}/{name}" for name in IMAGE_FOLDERS.values() if self.images)


class Grid(Section):
    """Sentinel-5P level 2 to level 3."""

    bbox: tuple[float, float, float, float] = Field(
        default=(3.5, 50.0, 14.5, 56.5),
        description="West, south, east, north in degrees; west > east crosses the antimeridian.",
    )
    resolution: Positive = Field(default=0.05, description="Cell size in degrees.")
    area: Literal["degrees", "sphere"] = Field(
        default="degrees",
        description="Plane in which overlaps are measured: degrees as in HARP, or true areas.",
    )
    variable: str = Field(default=S5P_COLUMN, description="Column to grid, by its name.")
    qa: Share = Field(default=0.75, description="Pixels with qa_value above this are used.")
    cloud_fraction: Share | None = Field(
        default=None, description="Largest cloud fraction of a pixel that is used."
    )
    solar_zenith: Annotated[float, Field(ge=0, le=180)] | None = Field(
        default=None, description="Largest solar zenith angle of a pixel that is used, degrees."
    )
    rows: tuple[int, int] | None = Field(
        default=None,
        description="First and last ground pixel used, from 0; those at the edges are the widest.",
    )
    strict: bool = Field(
        default=False, description="Stop at a broken granule instead of going on without it."
    )
    part: Literal["day", "month", "quarter", "year"] = Field(
        default="quarter", description="Length of the parts that are gridded side by side."
    )

    @model_validator(mode="after")
    def _box(self) -> Grid:
        west, south, east, north = self.bbox
        in_range = -180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90
        if not in_range or west == east:
            raise ValueError("bbox must be west, south, east, north in degrees, south < north")
        for side in ((east - west) % 360 or 360, north - south):
            if abs(side / self.resolution - round(side / self.resolution)) > 1e-6:
                raise ValueError("the sides of bbox must be whole multiples of resolution")
        return self

    def holds(self, box: tuple[float, float, float, float]) -> bool:
        """Whether ``box`` (west, south, east, north, west < east) lies within ``bbox``."""
        west, south, east, north = self.bbox
        width = (east - west) % 360 or 360
        from_west = (box[0] - west) % 360
        inside = from_west + box[2] - box[0] <= width + 1e-9
        return inside and south <= box[1] and box[3] <= north

    @model_validator(mode="after")
    def _ground_pixels(self) -> Grid:
        if self.rows is not None and not 0 <= self.rows[0] <= self.rows[1]:
            raise ValueError("rows must be the first and the last ground pixel, from 0")
        return self


class Covariates(Section):
    """Columns of the user's own that join the surroundings of every site."""

    file: str | None = Field(default=None, description="Table (CSV) with a row a site; or none.")
    key: str = Field(default="site_id", description="Column of the table that names the site.")
    columns: tuple[str, ...] = Field(
        default=(), description="Columns of the table. No pollutant at the ground."
    )
    rasters: dict[str, str] = Field(
        default={},
        description="Files (GeoTIFF) by the name of the column that each becomes; of several bands "
        "the one of this name is read. They know stations, sites and the cells of a map alike.",
    )

    @model_validator(mode="after")
    def _named(self) -> Covariates:
        if self.file is not None and self.file.lower().endswith((".tif", ".tiff", ".vrt")):
            raise ValueError("file is a table: give a raster as `rasters: {NAME: FILE}`")
        if self.file is not None and not self.columns:
            raise ValueError("name the columns that are wanted")
        if twice := set(self.columns) & set(self.rasters):
            raise ValueError(f"{min(twice)} is a column of the table and a raster")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the files that are given."""
        return tuple(filter(None, (self.file, *self.rasters.values())))


class Landuse(Section):
    """The table of sites: land-use features and targets."""

    radius_m: Positive = Field(
        default=1000.0, description="Radius of the disc in which population and cover are averaged."
    )
    potential: Literal["map", "geonames"] = Field(
        default="map",
        description="People of the population potential: those of the population map, or of the "
        "packaged GeoNames places, which no area's map cuts off.",
    )
    min_coverage: Share = Field(
        default=0.75, description="Share of a station's period that must hold valid measurements."
    )
    covariates: Covariates = Covariates()


class Patches(Section):
    """The pixels around each site."""

    s2_size: Count = Field(default=32, description="Side of a Sentinel-2 patch in 10 m pixels.")
    s5p_size: Count = Field(default=16, description="Side of a Sentinel-5P patch in grid cells.")
    min_clear: Share = Field(
        default=0.5, description="Share of clear pixels below which a patch counts as missing."
    )
