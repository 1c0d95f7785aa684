"""Which sections the page has, in which order, and the template that they fill."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jinja2

import mmaq
from mmaq.contracts.sites import stations
from mmaq.report import names
from mmaq.report.gallery import Gallery
from mmaq.report.material import Material, Section
from mmaq.report.numbers import number
from mmaq.report.palette import DARK, LIGHT, css_variables
from mmaq.report.sections import (
    agreement,
    benchmark,
    comparisons,
    costs,
    definitions,
    distances,
    examples,
    groups,
    intervals,
    labels,
    losses,
    maps,
    neighbours,
    paper,
    ranking,
    result,
    skipped,
    transfer,
)

SECTIONS: tuple[Callable[[Material, Gallery], Section | None], ...] = (
    result.section, ranking.section, comparisons.section, neighbours.section, distances.section,
    benchmark.section, paper.section, transfer.section, groups.section, intervals.section,
    agreement.section, maps.section, examples.section, labels.section, losses.section,
    costs.section, skipped.section, definitions.section,
)  # fmt: skip
"""In the order of the page."""


def render(material: Material, sections: Sequence[Section]) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mmaq.report"), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    labelled = len(stations(material.sites))
    return environment.get_template("report.html.j2").render(
        dataset=material.dataset,
        simulated=material.simulated,
        n_stations=labelled,
        n_unlabelled=len(material.sites) - labelled,
        sections=sections,
        names=names,
        number=number,
        light=css_variables(LIGHT),
        dark=css_variables(DARK),
        version=mmaq.__version__,
    )
