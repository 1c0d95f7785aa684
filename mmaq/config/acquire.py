"""What is asked from the services, for an area and the configured period."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mmaq.config.base import Count, CountryCode, Section, Share

Sentinel2Provider = Literal["earth-search", "planetary-computer", "cdse", "dhus", "none"]

Sentinel5PProvider = Literal["cdse", "planetary-computer", "dhus", "none"]

StationProvider = Literal["eea", "openaq"]


Country = Annotated[CountryCode, Field(pattern=r"^[A-Z]{2}$")]


class AcquireSentinel2(Section):
    """Sentinel-2 L2A scenes: windows around the sites, or whole products."""

    provider: Sentinel2Provider = Field(
        default="earth-search",
        description="earth-search, planetary-computer: windows, no account needed; "
        "cdse, dhus: whole products of 1 GB; none: no Sentinel-2.",
    )
    dates: Count = Field(
        default=6, description="Dates looked at for each site, those of the clearest tiles first."
    )
    max_cloud: Annotated[float, Field(ge=0, le=100)] = Field(
        default=60.0, description="Cloud cover of a whole tile, in percent, above which none is."
    )
    download: Literal["odata", "s3"] = Field(
        default="odata", description="How whole products of the Data Space are downloaded."
    )


class AcquireSentinel5P(Section):
    """Sentinel-5P level-2 granules."""

    provider: Sentinel5PProvider = Field(
        default="cdse",
        description="cdse needs an account; planetary-computer: none, but its mirror may lag.",
    )
    streams: tuple[Literal["RPRO", "OFFL", "NRTI"], ...] = Field(
        default=("RPRO", "OFFL"), min_length=1,
        description="Processing streams; of one orbit the best version is taken.",
    )  # fmt: skip
    download: Literal["odata", "s3"] = Field(
        default="odata", description="How granules of the Data Space are downloaded."
    )
    keep: bool = Field(
        default=True, description="Keep granules (0.5 GB each); false: grid each, then drop it."
    )


class AcquireStations(Section):
    """Measurements, with the table of the stations."""

    provider: StationProvider = Field(
        default="eea", description="eea: Europe; openaq: elsewhere, needs a free key."
    )
    countries: tuple[Country, ...] = Field(
        default=("LU",), min_length=1, description="Countries by their two letters."
    )
    dataset: Literal["verified", "unverified", "airbase"] = Field(
        default="verified",
        description="EEA's: verified (E1a), unverified (E2a), airbase (to 2012); never mixed.",
    )


class AcquireMaps(Section):
    """Maps, each an entry NAME@VERSION of the table of sources."""

    dem: str = Field(default="copernicus-dem-30@2021", description="Elevation.")
    population: str = Field(default="ghsl-pop-1km@R2023A-2020", description="Population.")
    land_cover: str = Field(default="worldcover@v200-2021", description="Land cover.")
    roads: tuple[str, ...] = Field(
        default=("geofabrik-luxembourg@latest",), min_length=1,
        description="OpenStreetMap extracts that together hold the area.",
    )  # fmt: skip


class Acquire(Section):
    """An area's raw archive from real services, for the configured period."""

    bbox: tuple[float, float, float, float] = Field(
        default=(5.7, 49.4, 6.6, 50.2), description="West, south, east, north in degrees."
    )
    sentinel2: AcquireSentinel2 = AcquireSentinel2()
    sentinel5p: AcquireSentinel5P = AcquireSentinel5P()
    stations: AcquireStations = AcquireStations()
    maps: AcquireMaps = AcquireMaps()
    unlabelled: int = Field(
        default=0, ge=0, description="Unlabelled sites, drawn 2 to 20 km from the stations."
    )
    unlabelled_table: str | None = Field(
        default=None,
        description="Table (CSV) of unlabelled sites instead: site_id, lon, lat, country.",
    )
    missing: Share = Field(
        default=0.0, description="Share of the products that may fail without stopping the rest."
    )
    endpoints: dict[str, str] = Field(
        default={}, description="Other addresses of services, by their names: a mirror, a DHuS."
    )

    def searched(self) -> dict[str, Any]:
        """What a search depends on: not how granules are kept, nor how many may fail."""
        values = self.model_dump(mode="json", exclude={"missing"})
        values["sentinel5p"].pop("keep", None)  # a narrow section has none
        return values

    @model_validator(mode="after")
    def _box(self) -> Acquire:
        west, south, east, north = self.bbox
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            raise ValueError("bbox must be west, south, east, north in degrees")
        return self
