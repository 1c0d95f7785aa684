"""Where the stations are, and where the errors."""

from __future__ import annotations

from mmaq.base.errors import TableError
from mmaq.contracts.sites import has_places, stations
from mmaq.report import names
from mmaq.report.choose import leading, of, once, present, splits_of, whole
from mmaq.report.figures.stations import error_map, level_map
from mmaq.report.gallery import Gallery, Plot
from mmaq.report.material import Material, Section


def section(material: Material, gallery: Gallery) -> Section | None:
    """Maps of the errors of the leading method, and of what was measured."""
    known = stations(material.sites)
    if known.empty or not has_places(known):
        return None
    levels = known[["site_id", "lon", "lat", "no2"]]
    level = gallery.hang(
        "level_map", "Map of the stations, coloured by measured NO2", levels,
        level_map(*(known[name].to_numpy() for name in ("lon", "lat", "no2"))),
    )  # fmt: skip
    residuals, whose = _residuals(material, gallery)
    return Section("map", "Map", {"residuals": residuals, "of": whose, "levels": level})


def _residuals(material: Material, gallery: Gallery) -> tuple[Plot | None, str]:
    predictions = whole(material.predictions)
    key = next(iter(leading(material.table, 1, present(predictions))), None)
    if key is None:
        return None, ""
    split = splits_of(of(predictions, key))[0]
    points = once(predictions, key, split)[["site_id", "measured", "prediction"]]
    points = points.merge(material.sites[["site_id", "lon", "lat"]], how="left")
    if points["lon"].isna().any():
        lost = points.loc[points["lon"].isna(), "site_id"].iloc[0]
        raise TableError(
            "predictions", f"site {lost!r} is not in the site table", "Run `mmaq evaluate` again"
        )
    points = points.assign(error=points["prediction"] - points["measured"])
    figure = error_map(*(points[name].to_numpy() for name in ("lon", "lat", "error")))
    words = "Map of the stations, coloured by the error of the prediction"
    plot = gallery.hang("residual_map", words, points, figure)
    return plot, f"{names.full(key)}, {names.SPLITS[split]}"
