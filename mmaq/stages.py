"""The stages: one entry a rule of the workflow, with the calls that a data set needs of it.

The verbs of ``mmaq`` and the tasks of ``run.py`` are made from this table, and a test holds it
against the rules. A stage's function is imported when its calls are made, so that `mmaq --help`
loads no torch and no GDAL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from mmaq.base.errors import CheckpointError, ConfigError
from mmaq.base.layout import Layout
from mmaq.config.parts import (
    Part,
    TransferPart,
    checkpoint_of,
    evaluation_parts,
    transfer_parts,
)
from mmaq.config.schema import Config
from mmaq.contracts import archive
from mmaq.contracts.patches import open_store
from mmaq.vocabulary import SELF_SUPERVISED

Call = Callable[..., Any]


@dataclass(frozen=True)
class Run:
    """A checked configuration, its paths, and what a command line adds to them."""

    config: Config
    paths: Layout
    workers: int = 1
    devices: int = 1
    nodes: int = 1
    checkpoint: Path | None = None
    """Encoders asked for by name, in place of those that this data set's pretraining made."""

    def collection(self, name: str) -> bool:
        """Whether the archive of this data set holds a collection."""
        return archive.has_collection(self.paths.archive, name)

    @property
    def archive(self) -> Path | None:
        """Contract 1; None of a published table, which has none."""
        return None if self.config.source == "published" else self.paths.archive

    @property
    def has_columns(self) -> bool:
        """Whether this data set has Sentinel-5P, in its archive or gridded without it."""
        return self.config.drops_granules or self.collection(archive.SENTINEL5P)

    @property
    def has_images(self) -> bool:
        """Whether the store holds both image modalities, without which nothing is pretrained.

        Raises:
            StoreError: the store is missing or damaged.
        """
        store = open_store(self.paths.patches)
        return all(store.absence(image) is None for image in ("s2", "s5p"))

    def encoders(self, method: str, runs: int | None = None) -> list[Path]:
        """The exported encoders of a method's runs (none: of all); none if nothing is pretrained.

        Raises:
            StoreError: the store is missing or damaged.
            CheckpointError: a run was not pretrained, or was stopped: a table made without it
                would pass for a whole one.
        """
        if self.checkpoint is not None:
            return [self.checkpoint]
        pretrained = checkpoint_of(method)
        pretrains = self.config.pretrains and self.has_images
        if pretrained not in SELF_SUPERVISED or not pretrains:
            return []
        count = runs or self.config.pretrain.runs
        made = [self.paths.encoders(pretrained, run) for run in range(count)]
        for path in made:
            if not path.exists():
                fault = f"{method} is not pretrained to its end"
                raise CheckpointError(path, fault, f"Run `mmaq pretrain --method {pretrained}`")
        return made

    @property
    def parts(self) -> list[Part]:
        """All parts of the evaluation."""
        return evaluation_parts(self.config.evaluate)

    @property
    def transfer_parts(self) -> list[TransferPart]:
        """All parts of the transfer tasks."""
        return transfer_parts(self.config.scenes)

    def of(self, part: Part | TransferPart, suffix: str) -> Path:
        """A file of one part of the evaluation."""
        return self.paths.data / "evaluation" / f"{part.name}.{suffix}"


def _refuse_other_source(run: Run, source: str) -> None:
    """Refuse to write into the archive of a data set whose data come from elsewhere."""
    found = run.config.source
    if found != source:
        verb = "simulate" if found == "simulate" else "acquire"
        fault = f"the data set {run.config.name} is of source {found}"
        remedy = f"Make its archive by `mmaq {verb}`, or give another configuration"
        raise ConfigError("source", fault, remedy)


def _simulate(run: Run) -> list[Call]:
    from mmaq.simulate.stage import simulate

    _refuse_other_source(run, "simulate")
    given, paths = run.config, run.paths
    return [
        partial(
            simulate, config=given.simulate, period=given.period, archive=paths.archive,
            workers=run.workers,
        )
    ]  # fmt: skip


def _simulate_plants(run: Run) -> list[Call]:
    from mmaq.simulate.stage import simulate_plants

    _refuse_no_plants(run)
    given = run.config
    if given.transfer.images is not None:
        return []
    return [
        partial(
            simulate_plants, config=given.simulate, period=given.period, transfer=given.transfer,
            scenes=run.paths.plant_scenes,
        )
    ]  # fmt: skip


def _refuse_no_plants(run: Run) -> None:
    """Refuse scenes of power plants that are neither given nor a simulated country's."""
    if not run.transfer_parts:
        fault = "there are no scenes of power plants"
        raise ConfigError("transfer", fault, "Set transfer.images, and transfer.tasks")


def _acquire(run: Run) -> list[Call]:
    from mmaq.acquire.stage import acquire

    _refuse_other_source(run, "files")
    return [partial(acquire, config=run.config.files, archive=run.paths.archive)]


def _acquire_plan(run: Run) -> list[Call]:
    from mmaq.acquire.stage import acquire_plan

    given = run.config
    return [
        partial(
            acquire_plan, config=given.acquire, period=given.period, landuse=given.landuse,
            patches=given.patches, areas=given.boxes, folder=run.paths.manifests,
        )
    ]  # fmt: skip


def _fetched(run: Run, collection: str) -> dict[str, Any]:
    """What every fetching stage is given."""
    paths = run.paths
    manifest = paths.manifest(collection)
    return {"manifest": manifest, "archive": paths.archive, "workers": run.workers}


def _fetch_stations(run: Run) -> list[Call]:
    from mmaq.acquire.stage import fetch_stations

    given = _fetched(run, archive.STATIONS)
    return [partial(fetch_stations, sites=_places(run), config=run.config.acquire, **given)]


def _fetch_maps(run: Run) -> list[Call]:
    from mmaq.acquire.stage import fetch_maps

    given = _fetched(run, archive.ANCILLARY)
    return [partial(fetch_maps, sites=_places(run), config=run.config.acquire, **given)]


def _fetch_sentinel2(run: Run) -> list[Call]:
    from mmaq.acquire.stage import fetch_sentinel2

    asked, patches = run.config.acquire, run.config.patches
    if asked.sentinel2.provider == "none":
        return []
    given = _fetched(run, archive.SENTINEL2)
    return [partial(fetch_sentinel2, sites=_places(run), config=asked, patches=patches, **given)]


def _fetch_sentinel5p(run: Run) -> list[Call]:
    from mmaq.acquire.stage import fetch_sentinel5p

    asked = run.config.acquire
    if asked.sentinel5p.provider == "none" or not asked.sentinel5p.keep:
        return []
    return [partial(fetch_sentinel5p, config=asked, **_fetched(run, archive.SENTINEL5P))]


def _fetch_published(run: Run) -> list[Call]:
    from mmaq.acquire.ground.sources import to_fetch
    from mmaq.acquire.stage import fetch_published

    given = run.config
    if given.source != "published":
        return []
    return [
        partial(fetch_published, config=given.acquire, out=Path(path))
        for path in to_fetch(given.published.tables)
    ]


def _places(run: Run) -> Path:
    from mmaq.acquire.manifest import SITES

    return run.paths.manifests / SITES


def _grid_and_drop_part(run: Run) -> list[Call]:
    from mmaq.acquire.stage import grid_and_drop_part

    given, paths = run.config, run.paths
    if not given.drops_granules:
        return []
    return [
        partial(
            grid_and_drop_part, manifest=paths.manifest(archive.SENTINEL5P),
            config=given.acquire, grid=given.grid, start=start, end=end, out=paths.grid_part(name),
            folder=paths.passing, workers=run.workers,
        )
        for name, (start, end) in given.period.parts(given.grid.part).items()
    ]  # fmt: skip


def _grid_part(run: Run) -> list[Call]:
    from mmaq.sentinel5p.stage import grid_part

    given, paths = run.config, run.paths
    if given.drops_granules:
        return []
    return [
        partial(
            grid_part, archive=paths.archive, config=given.grid, start=start, end=end,
            out=paths.grid_part(name), workers=run.workers,
        )
        for name, (start, end) in given.period.parts(given.grid.part).items()
    ]  # fmt: skip


def _grid(run: Run) -> list[Call]:
    from mmaq.sentinel5p.stage import grid

    given, paths = run.config, run.paths
    parts = [paths.grid_part(name) for name in given.period.parts(given.grid.part)]
    return [partial(grid, parts=parts, config=given.grid, out=paths.grid)]


def _landuse(run: Run) -> list[Call]:
    from mmaq.landuse.stage import landuse

    given, paths = run.config, run.paths
    if given.source == "published":
        return []
    return [
        partial(
            landuse, archive=paths.archive, config=given.landuse, period=given.period,
            out=paths.sites,
        )
    ]  # fmt: skip


def _landuse_published(run: Run) -> list[Call]:
    from mmaq.landuse.stage import landuse_published

    given = run.config
    if given.source != "published":
        return []
    return [
        partial(
            landuse_published, config=given.published, covariates=given.landuse.covariates,
            out=run.paths.sites,
        )
    ]  # fmt: skip


def _patches(run: Run) -> list[Call]:
    from mmaq.patches.stage import patches

    given, paths = run.config, run.paths
    if given.source == "published":
        return []
    return [
        partial(
            patches, archive=paths.archive, sites=paths.sites,
            l3=paths.grid if run.has_columns else None, config=given.patches, out=paths.patches,
            workers=run.workers,
        )
    ]  # fmt: skip


def _patches_published(run: Run) -> list[Call]:
    from mmaq.patches.stage import patches_published

    given, paths = run.config, run.paths
    if given.source != "published":
        return []
    return [
        partial(
            patches_published, config=given.published, patches=given.patches, sites=paths.sites,
            out=paths.patches,
        )
    ]  # fmt: skip


def _plants(run: Run) -> list[Call]:
    from mmaq.transfer.stage import plants

    _refuse_no_plants(run)
    given = run.config.transfer.images
    scenes = Path(given) if given else run.paths.plant_scenes
    return [partial(plants, scenes=scenes, out=run.paths.plants)]


def _pretrain(run: Run) -> list[Call]:
    from mmaq.learn.stage import pretrain

    settings, paths = run.config.pretrain, run.paths
    return [
        partial(
            pretrain, store=paths.patches, sites=paths.sites,
            config=settings.of(settings.method, number), out=paths.checkpoints, run=number,
            devices=run.devices, nodes=run.nodes,
        )
        for number in range(settings.runs)
    ]  # fmt: skip


def evaluate_part(run: Run, part: Part) -> Call:
    """The call of one part of the evaluation."""
    from mmaq.evaluate import stage

    given: dict[str, Any] = {
        "sites": run.paths.sites, "store": run.paths.patches, "config": run.config.evaluate,
        "out": run.of(part, "parquet"), "fits": run.of(part, "csv"),
    }  # fmt: skip
    method = part.method
    match part.protocol:
        case "references":
            truth = run.paths.archive if run.collection(archive.TRUTH) else None
            given["references"] = run.config.evaluate.by_themselves
            return partial(stage.evaluate_references, archive=truth, **given)
        case "probes":
            given |= {"checkpoints": run.encoders(method), "method": method}
            given["calibrated"] = method in run.config.evaluate.calibrated
            return partial(stage.evaluate_probes, **given)
        case "mixes":
            given |= {"checkpoints": run.encoders(method), "method": method}
            given["references"] = run.config.evaluate.beside_mixes
            return partial(stage.evaluate_mixes, **given)
        case "finetune" | "finetune_all" | "finetune_all_map":
            given |= {"protocol": part.protocol}
            given |= {"checkpoints": run.encoders(method), "method": method}
            given["calibrated"] = method in run.config.evaluate.calibrated
            return partial(stage.evaluate_finetune, **given)
        case _:
            given |= {"protocol": part.protocol, "method": method}
            learned = run.config.pretrain
            given |= {"encoders": learned.encoders, "runs": learned.runs}
            return partial(stage.evaluate_supervised, **given)


def _evaluate(*protocols: str) -> Callable[[Run], list[Call]]:
    """The calls of all parts under some protocols."""
    return lambda run: [
        evaluate_part(run, part) for part in run.parts if part.protocol in protocols
    ]


def transfer_part(run: Run, part: TransferPart) -> Call:
    """The call of one part of the transfer tasks."""
    from mmaq.transfer.stage import evaluate_transfer, evaluate_transfer_references

    given = run.config
    if part.is_references:
        return partial(
            evaluate_transfer_references, store=run.paths.plants, config=given.transfer,
            task=part.task, out=run.of(part, "parquet"), fits=run.of(part, "csv"),
        )  # fmt: skip
    return partial(
        evaluate_transfer, store=run.paths.plants,
        checkpoints=run.encoders(part.method) if part.protocols != ("scratch",) else [],
        encoders=given.pretrain.encoders, config=given.transfer, part=part,
        out=run.of(part, "parquet"), fits=run.of(part, "csv"),
    )  # fmt: skip


def _evaluate_transfer(references: bool) -> Callable[[Run], list[Call]]:
    """The calls of the references, or of the encoders, of all transfer tasks."""
    return lambda run: [
        transfer_part(run, part) for part in run.transfer_parts if part.is_references == references
    ]


def table_of(
    run: Run, parts: Sequence[Part | TransferPart], out: Path, metrics: Path, comparisons: Path
) -> Call:
    """The call that makes all figures of some parts."""
    from mmaq.evaluate.stage import benchmark_table

    stations = any(isinstance(part, Part) for part in parts)
    return partial(
        benchmark_table, predictions=[run.of(part, "parquet") for part in parts],
        fits=[run.of(part, "csv") for part in parts],
        sites=run.paths.sites if stations else None,
        block_degrees=run.config.evaluate.block_degrees, draws=run.config.evaluate.bootstrap,
        dataset=run.config.name, out=out, metrics=metrics, comparisons=comparisons,
    )  # fmt: skip


def _benchmark_table(run: Run) -> list[Call]:
    paths = run.paths
    parts: list[Part | TransferPart] = [*run.parts, *run.transfer_parts]
    return [table_of(run, parts, paths.benchmark, paths.metrics, paths.comparisons)]


def _fit(run: Run) -> list[Call]:
    from mmaq.predict.stage import fit

    given, paths = run.config, run.paths
    method, protocol = given.predict.estimator
    named = given.fitted_encoders
    return [
        partial(
            fit, sites=paths.sites, store=paths.patches,
            checkpoint=next(iter(run.encoders(named, 1)), None) if named else None,
            encoders=given.pretrain.encoders, evaluate=given.evaluate, config=given.predict,
            chosen=None, out=paths.estimator(method, protocol),
        )
    ]  # fmt: skip


def _predict(run: Run) -> list[Call]:
    from mmaq.predict.stage import predict

    given, paths = run.config, run.paths
    return [
        partial(
            predict, sites=paths.sites, store=paths.patches,
            estimator=paths.estimator(*given.predict.estimator), chosen=None,
            threads=given.evaluate.threads, out=paths.predictions,
        )
    ]  # fmt: skip


def _map_area(run: Run) -> list[Call]:
    from mmaq.map.stage import map_area

    given, paths = run.config, run.paths
    return [
        partial(
            map_area, area=area, config=given.map, archive=run.archive,
            l3=paths.grid if run.has_columns else None,
            estimator=paths.estimator(*given.predict.estimator), landuse=given.landuse,
            patches=given.patches, period=given.period, threads=given.evaluate.threads,
            workers=run.workers, work=paths.tiles(name), out=paths.map(name),
        )
        for name, area in given.mapped.items()
    ]  # fmt: skip


def _exposure(run: Run) -> list[Call]:
    from mmaq.map.stage import exposure

    given, paths = run.config, run.paths
    if not run.collection(archive.ANCILLARY):  # no map says where people live
        return []
    return [
        partial(
            exposure, area=area, config=given.map, raster=paths.map(name), archive=paths.archive,
            estimator=paths.estimator(*given.predict.estimator), out=paths.exposure(name),
        )
        for name, area in given.mapped.items()
    ]  # fmt: skip


def _map_page(run: Run) -> list[Call]:
    from mmaq.map.stage import map_page

    given, paths = run.config, run.paths
    return [
        partial(
            map_page, area=area, raster=paths.map(name), archive=run.archive,
            estimator=paths.estimator(*given.predict.estimator), period=given.period,
            sites=paths.sites, table=paths.benchmark if paths.benchmark.exists() else None,
            exposed=paths.exposure(name) if run.collection(archive.ANCILLARY) else None,
            compared=paths.map_truth(name) if run.collection(archive.TRUTH) else None,
            evaluate=given.evaluate, out=paths.map_page(name),
        )
        for name, area in given.mapped.items()
    ]  # fmt: skip


def _report(run: Run) -> list[Call]:
    from mmaq.report.stage import report

    given, paths = run.config, run.paths
    losses = paths.losses(given.pretrain.method)
    return [
        partial(
            report, benchmark=paths.benchmark,
            predictions=[run.of(part, "parquet") for part in run.parts],
            comparisons=paths.comparisons if paths.comparisons.exists() else None,
            sites=paths.sites, store=paths.patches if paths.patches.exists() else None,
            losses=losses if losses.exists() else None,
            timings=timings_by_rule(sorted(Path("logs", given.name, "timings").glob("*.tsv"))),
            dataset=given.name, simulated=given.source == "simulate",
            config=given.evaluate, out=paths.report, metrics=paths.metrics,
        )
    ]  # fmt: skip


STAGES: dict[str, Callable[[Run], list[Call]]] = {
    "simulate": _simulate,
    "simulate_plants": _simulate_plants,
    "acquire": _acquire,
    "acquire_plan": _acquire_plan,
    "fetch_stations": _fetch_stations,
    "fetch_maps": _fetch_maps,
    "fetch_published": _fetch_published,
    "fetch_sentinel2": _fetch_sentinel2,
    "fetch_sentinel5p": _fetch_sentinel5p,
    "grid_and_drop_part": _grid_and_drop_part,
    "grid_part": _grid_part,
    "grid": _grid,
    "landuse": _landuse,
    "landuse_published": _landuse_published,
    "patches": _patches,
    "patches_published": _patches_published,
    "plants": _plants,
    "pretrain": _pretrain,
    "evaluate_references": _evaluate("references"),
    "evaluate_probes": _evaluate("probes"),
    "evaluate_mixes": _evaluate("mixes"),
    "evaluate_finetune": _evaluate("finetune", "finetune_all", "finetune_all_map"),
    "evaluate_supervised": _evaluate("scratch", "scratch_all", "supervised"),
    "evaluate_transfer_references": _evaluate_transfer(references=True),
    "evaluate_transfer": _evaluate_transfer(references=False),
    "benchmark_table": _benchmark_table,
    "fit": _fit,
    "predict": _predict,
    "map_area": _map_area,
    "exposure": _exposure,
    "map_page": _map_page,
    "report": _report,
}
"""The calls that a data set needs, by rule, in the order of the data."""


def timings_by_rule(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Snakemake's benchmark files (``RULE.tsv``, or ``RULE_JOB.tsv`` where a rule has many jobs).

    A file of no rule, such as one that was left by an older version, is none of them.
    """
    found: dict[str, list[Path]] = {}
    for path in paths:
        rules = [rule for rule in STAGES if f"{path.stem}_".startswith(f"{rule}_")]
        if rules:  # grid_part_2021Q1 is grid_part's, not grid's
            found.setdefault(max(rules, key=len), []).append(path)
    return found


class Verb(NamedTuple):
    """A verb of ``mmaq``: what it is for, its stages in order, whether it takes processes."""

    about: str
    stages: tuple[str, ...]
    parallel: bool = False


VERBS = {
    "simulate": Verb("Make the raw archive of a simulated country.", ("simulate",), True),
    "plants": Verb(
        "Read scenes of power plants into their store; a simulated country's are made first.",
        ("simulate_plants", "plants"),
    ),
    "grid": Verb(
        "Grid Sentinel-5P level 2 to a level-3 mean.",
        ("grid_and_drop_part", "grid_part", "grid"), True,
    ),
    "landuse": Verb(
        "Make the site table: land-use features and targets.", ("landuse", "landuse_published")
    ),
    "patches": Verb(
        "Cut the pixels around each site into the patch store.",
        ("patches", "patches_published"), True,
    ),
    "pretrain": Verb("Pretrain a method; goes on from its last checkpoint.", ("pretrain",)),
    "evaluate": Verb(
        "Evaluate all methods and tasks into the benchmark table; compare each with each.",
        (
            "evaluate_references", "evaluate_probes", "evaluate_mixes",
            "evaluate_finetune", "evaluate_supervised", "evaluate_transfer_references",
            "evaluate_transfer", "benchmark_table",
        ),
    ),
    "fit": Verb("Fit an estimator of the benchmark to stations, to predict anywhere.", ("fit",)),
    "predict": Verb(
        "Predict NO2 with its 90 % interval at sites, and say what each prediction rests on.",
        ("predict",),
    ),
    "map": Verb(
        "Map NO2 everywhere in an area, and how far to trust it.", ("map_area", "map_page"), True
    ),
    "exposure": Verb(
        "Tell what the people of a mapped area and of its districts breathe.", ("exposure",)
    ),
    "report": Verb("Write the report page from the benchmark table.", ("report",)),
}  # fmt: skip
"""The verbs; `mmaq acquire` chooses by itself among the stages of the archive."""


def run_stages(run: Run, names: Iterable[str], **given: Any) -> None:
    """Run stages, one call after the other; ``given`` goes before what the table says."""
    for name in names:
        for call in STAGES[name](run):
            call(**given)
