"""The stages of prediction: fit an estimator of the benchmark to stations, ask it at sites."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mmaq.base.errors import CheckpointError, TableError, Unavailable
from mmaq.base.files import reading, replacing
from mmaq.base.tables import at_line, check_unique, read_table
from mmaq.base.threads import limited_threads
from mmaq.config.evaluation import Evaluate, Predict
from mmaq.config.learning import Encoders
from mmaq.contracts.context import GEONAMES, POTENTIAL_KM, potential
from mmaq.contracts.estimator import REMEDY, Tier, read_estimator, write_estimator
from mmaq.contracts.patches import PatchStore, open_store
from mmaq.contracts.sites import (
    HIGHEST,
    SITING,
    covariates_of,
    read_radius,
    read_sites,
    read_sources,
    stations,
)
from mmaq.estimators.base import Estimator, Fitted, Places, Training
from mmaq.estimators.boosting import LightGBMError
from mmaq.estimators.catalogue import fitted_kind, images_read, named, reference
from mmaq.estimators.features import EVERYTHING
from mmaq.estimators.intervals import Intervals, calibrate
from mmaq.evaluate.task import Task
from mmaq.statistics.applicability import Applicability
from mmaq.statistics.splits import Fold, related
from mmaq.vocabulary import AREAS, POLLUTANTS, TYPES

WITHOUT_IMAGES = "gbm_context_kriging"
"""What answers at a site that lacks the images which the first tier reads."""
DECLARED = (*AREAS, *TYPES, *SITING)
"""What networks declare of their stations, and nobody of any other place."""
MIN_STATIONS = 10
COLUMNS = ("site_id", "lon", "lat")
"""Of the table of predictions, before the concentration and the bounds of its 90 % interval, in
ug/m3, and ``inputs``: all empty where nothing is known of a site."""

log = logging.getLogger(__name__)


def fit(
    *,
    sites: Path,
    store: Path,
    checkpoint: Path | None,
    encoders: Encoders,
    evaluate: Evaluate,
    config: Predict,
    chosen: Path | None,
    out: Path,
) -> None:
    """Fit the estimator of a row of the benchmark to stations, and write it (contract 6).

    It is the very object that the table measured. An estimator that reads images is joined by a
    second one, without, for sites that lack them; and one that reads the table by itself fitted
    without what networks declare of their stations, for sites of which nobody declared it. Each
    has intervals from errors at stations that a model was not fitted to, and the area of
    applicability of its inputs where it knows how much each counts.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        checkpoint: contract 4, of the encoders that it reads; None where there are none.
        encoders: sizes of encoders that are trained from random weights.
        evaluate: seeds, buffer, training.
        config: method, protocol, pollutant, and how stations are split inside.
        chosen: a CSV with a column ``site_id``, the stations; None for all.
        out: the estimator.

    Raises:
        TableError: the site table is broken, or holds too few stations.
        StoreError: the patch store is missing or damaged.
        CheckpointError: the checkpoint cannot be read, or is another method's.
    """
    method, protocol = config.estimator
    estimators = [named(method, protocol, checkpoint, encoders, evaluate)]
    if images_read(estimators[0]):
        estimators.append(reference(WITHOUT_IMAGES))
    known, patches = read_sites(sites), open_store(store)
    if chosen is not None:
        known = choose(known, chosen, sites)
        without = int(known[config.pollutant].isna().sum())
        if without:
            told = "%s: %d of %d sites have no %s and take no part"
            log.warning(told, chosen, without, len(known), config.pollutant)
    with limited_threads(evaluate.threads):
        try:
            tiers = [
                _tier(each, known, patches, evaluate, config, sites, declared)
                for each in estimators
                for declared in ((True, False) if _reads_type(each) else (False,))
            ]
        except Unavailable as reason:
            raise TableError(sites, f"{method}: {reason}", "Choose another method") from None
    write_estimator(out, config.pollutant, tiers)
    for tier in tiers:
        told = "%s from %s, fitted to %d stations, %s intervals"
        with_them = "without" if tier.intervals is None else "with"
        log.info(told, config.pollutant, tier.inputs or "nothing", tier.stations, with_them)


def _reads_type(estimator: Estimator) -> bool:
    return bool({"table", "type", "station_type"} & set(estimator.modalities.split("+")))


def surroundings_of(sites: Path, table: pd.DataFrame, modalities: str) -> dict[str, Any]:
    """What a model of the surroundings rests on: where the population is from, the user's columns,
    and the radius of the discs in which people and land cover were averaged."""
    reads = set(modalities.split("+"))
    found: dict[str, Any] = {}
    if "context" in reads:
        source = read_sources(sites).get(potential(POTENTIAL_KM[0]), "")
        found = {"population": source, "covariates": covariates_of(table)}
    if reads & {"table", "geo", "context"}:
        found["radius_m"] = read_radius(sites)
    return found


def check_surroundings(tiers: list[Loaded], sites: Path, table: pd.DataFrame) -> None:
    """Refuse a site table whose surroundings are of another kind than those of the fit.

    Raises:
        TableError: the one has people of a map and the other of the packaged places, or they
            differ in the user's columns or in the radius of the discs.
    """
    here = surroundings_of(sites, table, EVERYTHING)
    for around in (each.tier.around for each in tiers):
        radius, asked = around.get("radius_m"), here["radius_m"]
        if None not in (radius, asked) and radius != asked:
            fault = f"its discs have a radius of {asked:g} m, those of the fit {radius:g} m"
            raise TableError(sites, fault, f"Set landuse.radius_m: {radius:g}, or fit anew")
        if "population" not in around:
            continue
        if around["covariates"] != here["covariates"]:
            names = [", ".join(each["covariates"]) or "none" for each in (here, around)]
            fault = f"its covariates are {names[0]}, those that the estimator reads {names[1]}"
            raise TableError(sites, fault, "Make it with the same landuse.covariates")
        told = "its population potential is of {}, that which the estimator was fitted to of {}"
        fault = told.format(here["population"] or "nothing", around["population"] or "nothing")
        if (here["population"] == GEONAMES) != (around["population"] == GEONAMES):
            wanted = GEONAMES if around["population"] == GEONAMES else "map"
            raise TableError(sites, fault, f"Set landuse.potential: {wanted}, or fit anew")
        if here["population"] != around["population"]:
            log.warning("%s: %s", sites, fault)


SETTINGS = {"s2": "patches.s2_size", "s5p": "patches.s5p_size and grid.resolution"}
"""What decides how large patches of an image are."""


def check_patches(tiers: list[Loaded], store: PatchStore, estimator: Path) -> None:
    """Refuse an estimator, read from ``estimator``, that was fitted to patches of another size.

    Raises:
        CheckpointError: those of the store have another side, or pixels of another size.
    """
    for name, wanted in (held for each in tiers for held in each.tier.patches.items()):
        if store.absence(name) is None and store.size(name) != wanted:
            told = [
                " and ".join(f"{key} {value}" for key, value in sorted(size.items()))
                for size in (wanted, store.size(name))
            ]
            fault = f"it reads {name} patches of {told[0]}, and here they are of {told[1]}"
            raise CheckpointError(estimator, fault, f"Set {SETTINGS[name]} alike, or fit anew")


def _tier(
    estimator: Estimator,
    known: pd.DataFrame,
    store: PatchStore,
    evaluate: Evaluate,
    config: Predict,
    sites: Path,
    declared: bool,
) -> Tier:
    """An estimator fitted to the stations that have what it reads, with or without DECLARED."""
    pollutant = config.pollutant
    table = stations(known, pollutant).sort_values("site_id", ignore_index=True)
    images = [image for image in images_read(estimator) if store.absence(image) is None]
    for image in images:
        table = table[store.rows(image, table["site_id"].to_numpy()) >= 0]
    if len(table) < MIN_STATIONS:
        fault = f"{len(table)} stations with {pollutant} are too few for {estimator.method}"
        raise TableError(sites, fault, f"Give at least {MIN_STATIONS}")
    if not declared:
        table = table.assign(**dict.fromkeys(DECLARED, np.nan))
    task = Task(table.reset_index(drop=True), store, pollutant)
    inside = related(
        task.table, config.split, task.copies, evaluate.buffer_km, evaluate.block_degrees,
        evaluate.together,
    )  # fmt: skip
    everything = Fold(np.arange(task.size), np.arange(0))
    train = task.training(task.places, everything, inside)
    seed = evaluate.seeds[0]
    fitted = estimator.fit(train, seed=seed)
    intervals = calibrate(estimator, fitted, train, seed=seed)
    around = surroundings_of(sites, task.table, estimator.modalities)
    return Tier(
        fitted.kind, estimator.method, estimator.protocol, estimator.modalities, declared,
        task.size, *fitted.state(), None if intervals is None else intervals.state(), around,
        {image: store.size(image) for image in images}, _similarity(fitted, train, seed),
    )  # fmt: skip


def _similarity(fitted: Fitted, train: Training, seed: int) -> dict[str, np.ndarray]:
    """The area of applicability, as arrays; none where the estimator cannot tell what counts.

    Its threshold is of folds split as those are whose errors make the interval.
    """
    try:
        features, weights = fitted.similarity(train.places)
        return Applicability.of(features, weights, train.inner(seed)).state()
    except (Unavailable, ValueError) as reason:
        log.info("no area of applicability: %s", reason)
        return {}


class Loaded(NamedTuple):
    """A tier of a file, ready to be asked."""

    fitted: Fitted
    intervals: Intervals | None
    tier: Tier


def load(path: Path) -> tuple[str, list[Loaded]]:
    """Pollutant and fitted estimators of a file, the first choice first.

    Raises:
        CheckpointError: the file is absent, damaged, or of a kind that is not known.
    """
    pollutant, tiers = read_estimator(path)
    found = []
    for tier in tiers:
        try:
            kind = fitted_kind(tier.kind)
        except KeyError:
            fault = f"it holds an unknown kind {tier.kind!r}"
            raise CheckpointError(path, fault, REMEDY) from None
        try:
            fitted = kind.from_state(dict(tier.about), dict(tier.arrays))
            intervals = None
            if tier.intervals is not None:
                intervals = Intervals.from_state(*map(dict, tier.intervals))
        except (
            KeyError,
            TypeError,
            ValueError,
            RuntimeError,
            LightGBMError,
        ) as fault:
            line = f"what it learned is damaged ({str(fault).splitlines()[0]})"
            raise CheckpointError(path, line, REMEDY) from None
        found.append(Loaded(fitted, intervals, tier))
    return pollutant, found


def predict(
    *, sites: Path, store: Path, estimator: Path, chosen: Path | None, threads: int, out: Path
) -> None:
    """Predict at sites that have patches or land use (CSV, a row a site).

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        estimator: contract 6.
        chosen: a CSV with a column ``site_id``; None for all sites.
        threads: of torch and of linear algebra.
        out: the table: site, place, concentration with its 90 % interval, and the inputs used.

    Raises:
        TableError: the site table is broken, its surroundings are of another kind than those of
            the fit, or the list names a site that it lacks.
        StoreError: the patch store is missing or damaged.
        CheckpointError: the estimator cannot be read, or was fitted to patches of another size.
    """
    pollutant, tiers = load(estimator)
    result = table_at(
        tiers, pollutant, sites=sites, store=store, estimator=estimator, chosen=chosen,
        threads=threads,
    )  # fmt: skip
    with replacing(out) as temporary:
        result.to_csv(temporary, index=False)
    without = int(result[pollutant].isna().sum())
    log.info("%s: %d sites, %d of them without any input", out, len(result), without)


def table_at(
    tiers: list[Loaded],
    pollutant: str,
    *,
    sites: Path,
    store: Path,
    estimator: Path,
    chosen: Path | None,
    threads: int,
) -> pd.DataFrame:
    """The table that :func:`predict` writes, by tiers that were read from ``estimator``.

    Raises:
        TableError, StoreError, CheckpointError: as for ``predict``.
    """
    table = read_sites(sites)
    if chosen is not None:
        table = choose(table, chosen, sites)
    check_surroundings(tiers, sites, table)
    patches = open_store(store)
    check_patches(tiers, patches, estimator)
    places = Places(table.drop(columns=list(POLLUTANTS)), patches)
    fault = "what it learned does not fit the sites"
    with limited_threads(threads), reading(estimator, CheckpointError, fault, REMEDY):
        predicted = ask(tiers, places, pollutant)
    return pd.concat([table[list(COLUMNS)], predicted], axis=1)


def ask(tiers: list[Loaded], places: Places, pollutant: str) -> pd.DataFrame:
    """Columns concentration, low, high (ug/m3) and inputs of the places."""
    answers, which = answer(tiers, places, pollutant)
    inputs = np.array([*(each.tier.inputs for each in tiers), ""], dtype=object)[which]
    columns = dict(zip((pollutant, "low", "high"), answers, strict=True))
    return pd.DataFrame({**columns, "inputs": inputs})


def answer(tiers: list[Loaded], places: Places, pollutant: str) -> tuple[np.ndarray, np.ndarray]:
    """Concentration and bounds, (3, n) in ug/m3, and the position of the tier that gave them, (n,).

    A place is given the first tier whose inputs it has; NaN and -1 where no tier answers. A
    concentration is not negative, so predictions and bounds end at 0.
    """
    answers, which = np.full((3, len(places)), np.nan), np.full(len(places), -1)
    # An area may be one that follows from the density; a type is a network's own word.
    declared = places.table[list(TYPES)].notna().any(axis=1).to_numpy()
    for position, (fitted, intervals, tier) in enumerate(tiers):
        try:
            found = fitted.mean(places)
        except Unavailable as reason:
            log.info("%s is not asked: %s", tier.inputs, reason)
            continue
        possible = np.isfinite(found) & (found <= HIGHEST[pollutant])
        if (np.isfinite(found) & ~possible).any():
            count, what = int((np.isfinite(found) & ~possible).sum()), tier.inputs or "nothing"
            log.warning("predictions from %s that cannot be, at %d sites: left out", what, count)
        bounds = found * np.nan, found * np.nan
        if intervals is not None:
            bounds = intervals.bounds(places, found)
        rows = (which < 0) & possible & (declared | (not tier.declared))
        answers[:, rows], which[rows] = np.stack([found, *bounds])[:, rows], position
    return np.maximum(answers, 0.0), which


def choose(table: pd.DataFrame, chosen: Path, sites: Path) -> pd.DataFrame:
    """Rows of the site table in the order of a list of sites.

    Raises:
        TableError: the list cannot be read, has no ``site_id``, or names an unknown site or one
            twice.
    """
    wanted = read_table(chosen, ["site_id"])
    check_unique(wanted, "site_id", chosen)
    absent = ~wanted["site_id"].isin(table["site_id"])
    if absent.any():
        site = wanted.loc[absent, "site_id"].iloc[0]
        fault_line = f"{at_line(wanted, absent)}site {site!r} is not in {sites}"
        remedy = "Name it in files.unlabelled or acquire.unlabelled_table, then `mmaq patches`"
        raise TableError(chosen, fault_line, remedy)
    return table.set_index("site_id", drop=False).loc[wanted["site_id"]].reset_index(drop=True)
