# The checked configuration, the paths of this data set, and helpers that the rules share.
import re
import shutil
from pathlib import Path
from typing import get_args

from snakemake.exceptions import WorkflowError

from mmaq.acquire.ground.sources import published_tables, to_fetch
from mmaq.acquire.manifest import SITES, manifest_names
from mmaq.contracts.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS, TRUTH
from mmaq.config.load import check_joined, refuse_doubled
from mmaq.config.parts import (
    checkpoint_of,
    evaluation_parts,
    pretrained_runs,
    transfer_parts,
)
from mmaq.base.digest import code_digest
from mmaq.base.errors import MmaqError
from mmaq.base.files import state_of
from mmaq.base.layout import RAW, Layout, run_name
from mmaq.base.machine import memory_mb
from mmaq.contracts.patches import FILES as STORE_FILES
from mmaq.orchestrate.interpreter import prepare_jobs
from mmaq.orchestrate.stages import FITTING, MEASURING
from mmaq.stages import timings_by_rule
from mmaq.transfer.store import FILES as PLANT_FILES
from mmaq.vocabulary import METHODS, SELF_SUPERVISED, Scratch

try:
    prepare_jobs()
    refuse_doubled(workflow.config_settings.config_args)
    CONFIG = check_joined(
        config,
        [
            workflow.source_path("../config/config.yaml"),
            *workflow.overwrite_configfiles,
        ],
        workflow.config_settings.config,
    )
except MmaqError as error:
    raise WorkflowError(str(error))

PATHS = Layout(CONFIG.name)
LOGS = f"logs/{CONFIG.name}"
TIMINGS = f"{LOGS}/timings"
# Fine-tuning runs share one GPU in turn, and the cores of a machine without one side by side.
GPUS = int(shutil.which("nvidia-smi") is not None)
# A cluster counts the memory of its own machines; it is told how many jobs to run, not cores.
ON_CLUSTER = workflow.nodes is not None
if not ON_CLUSTER and "mem_mb" not in workflow.global_resources:
    # Jobs wait while others hold the memory; one that asks for more than there is runs alone.
    workflow.register_resource("mem_mb", memory_mb())
# What the libraries of a GPU take of the host's memory; the login node of a cluster may have none.
CUDA_MB = 3000 if GPUS or ON_CLUSTER else 0
# Of the jobs that are ready: what many wait for, then what takes long, so that short ones fill up.
AWAITED, LONG = 20, 10
# Transfers at once of one rule. The Data Space bears four of a user over all jobs: two rules.
TRANSFERS = 8
OF_THE_DATA_SPACE = 2


def collection(name):
    """The file of a collection of the raw archive; it changes when one of its products does."""
    return f"{PATHS.archive}/{name}/collection.json"


def collections_made():
    """Collections that the configured source writes."""
    if CONFIG.source == "simulate":
        return [SENTINEL2, SENTINEL5P, ANCILLARY, STATIONS, TRUTH]
    if CONFIG.source == "acquire":
        return manifest_names(CONFIG.acquire)
    optional = {SENTINEL2: CONFIG.files.sentinel2, SENTINEL5P: CONFIG.files.sentinel5p}
    return [ANCILLARY, STATIONS] + [name for name, folder in optional.items() if folder]


def has_collection(name):
    """Whether this data set's archive will hold a collection (a published table has none)."""
    return CONFIG.source != "published" and name in collections_made()


def manifest(name):
    """What the search found of a collection; the fetching rules follow it."""
    return str(PATHS.manifest(name))


def acquired(*used):
    """What a fetching rule uses of the section acquire; what was asked stands in the manifest."""
    return section("acquire", "endpoints", "missing", *used)


def transfers(provider):
    """Transfers at once from a provider, by one rule."""
    return OF_THE_DATA_SPACE if provider == "cdse" else TRANSFERS


def data_space(provider):
    """Connections to the Copernicus Data Space that a rule holds."""
    return OF_THE_DATA_SPACE if provider == "cdse" else 0


def pretrains():
    """Whether methods are pretrained: there are to be both images, and sites to pretrain on."""
    if CONFIG.source == "published":
        folder = CONFIG.published.images
        images = folder is not None and Path(folder).is_dir()
    else:
        images = has_collection(SENTINEL2) and has_collection(SENTINEL5P)
    return images and CONFIG.pretrains


def section(name, *keys):
    """Of a section of the configuration the keys that decide a rule's result, as plain values.

    Without keys all that do. They alone make a rule run again, so the adapter gives the stage a
    narrow section, in which another key cannot be read. What a stage needs and decides no result
    (``INCIDENTAL``: loggers, threads) is no parameter, as Snakemake would run the rule again for
    it: the adapter takes it from ``snakemake.config``, which Snakemake does not compare.
    """
    return getattr(CONFIG, name).decisive(*keys)


def code(stage, **registries):
    """Digest of the code that a rule's stage reaches; docstrings, comments and layout aside.

    Registries (see ``code_digest``) are followed at keys that are functions of the wildcards.
    """

    def digest_of_job(wildcards):
        keys = {name: key(wildcards) for name, key in registries.items()}
        return code_digest(stage, **keys)

    return digest_of_job


def memory(base, of_input=0):
    """Megabytes of a job: a process with its libraries, and so many times its input files.

    A job that a cluster ended for its memory is tried again with twice as much.
    """
    return lambda wildcards, input, attempt: attempt * int(
        base + of_input * input.size_mb
    )


def run_of(wildcards):
    """The pretraining method whose encoders a job trains or evaluates."""
    return checkpoint_of(wildcards.method)


PARTS = CONFIG.period.parts(CONFIG.grid.part)
EVALUATED = f"{PATHS.data}/evaluation"
EVALUATION_PARTS = [part.name for part in evaluation_parts(CONFIG.evaluate)]
PRETRAINED = pretrained_runs(CONFIG.evaluate, CONFIG.scenes)
TRANSFER_PARTS = [part.name for part in transfer_parts(CONFIG.scenes)]
# Settings that all methods are evaluated by on scenes; at stations: MEASURING.
HOLDING_OUT = ("folds", "holdouts", "seed")
# Settings that sums and means of granules depend on; the length of the parts is none.
GRIDDING = (
    "bbox",
    "resolution",
    "area",
    "variable",
    "qa",
    "cloud_fraction",
    "solar_zenith",
    "rows",
    "strict",
)
STORE = [f"{PATHS.patches}/{name}" for name in STORE_FILES]
PLANTS = [f"{PATHS.plants}/{name}" for name in PLANT_FILES]


def part_days(wildcards):
    """First and last day of a part of the period, in ISO form."""
    return [day.isoformat() for day in PARTS[wildcards.part]]


def parts_within(wildcards):
    """Sums of the parts that make up a year, quarter or month of the period."""
    try:
        names = CONFIG.period.parts_within(wildcards.span, CONFIG.grid.part)
    except ValueError as error:
        raise WorkflowError(str(error))
    return [str(PATHS.grid_part(name)) for name in names]


def made(name, path):
    """``path`` where the archive holds the collection it is made from, else nothing."""
    return [str(path)] if has_collection(name) else []


def pretrain_section(wildcards):
    """What decides one run of a method."""
    return CONFIG.pretrain.of(wildcards.method, int(wildcards.run)).decisive()


def encoders_of(wildcards):
    """Encoders that a method is evaluated by, of all runs; none where nothing is pretrained."""
    made = range(CONFIG.pretrain.runs if pretrains() else 0)
    return [str(PATHS.encoders(checkpoint_of(wildcards.method), run)) for run in made]


def protocols_of(wildcards):
    """How a transfer task uses the encoder of a method."""
    asked = (wildcards.task, wildcards.method)
    parts = transfer_parts(CONFIG.scenes)
    return [how for part in parts if part[:2] == asked for how in part.protocols]


def encoders_to_fit():
    """Encoders that the estimator of the section predict reads."""
    method = CONFIG.fitted_encoders
    if method is None:
        return []
    return [str(PATHS.encoders(checkpoint_of(method), 0))]


def learned_to_fit():
    """The pretraining method whose networks the estimator of the section predict has, if any."""
    method, protocol = CONFIG.predict.estimator
    learned = method if protocol in get_args(Scratch) else CONFIG.fitted_encoders
    return learned and checkpoint_of(learned)


def loss_curves():
    """The curves of the configured method's first run, if it takes part."""
    made = pretrains() and CONFIG.pretrain.method in PRETRAINED
    return [str(PATHS.losses(CONFIG.pretrain.method))] if made else []


def landuse_tables():
    """What the site table is made from, beside rasters of the user's own."""
    if CONFIG.source == "published":
        made_from = CONFIG.published.tables
    else:
        made_from = [collection(ANCILLARY), collection(STATIONS)]
    return [path for path in (*made_from, CONFIG.landuse.covariates.file) if path]


def own_files(*searched, flat=None):
    """Which files of the user a job reads without their being inputs: by path, a digest.

    Snakemake judges a folder by its own time, which what lies deeper in it does not change. DVC
    takes the paths as what the job depends on. Only of a job that may run are the files looked up.

    Args:
        searched: files, and folders that are searched to any depth.
        flat: a folder of which only what lies directly in it counts.
    """

    def states_of_job(wildcards):
        deep = {str(Path(path)): state_of(path) for path in searched}
        return deep | ({str(Path(flat)): state_of(flat, deep=False)} if flat else {})

    return states_of_job


def rasters_there(named):
    """Rasters of the user's own, given by the key that names each; no rule makes them."""
    for key, path in named.items():
        if not Path(path).exists():
            raise WorkflowError(
                f"{path}: this raster of yours does not exist. Put it there, or name another file "
                f"as {key} (docs/mapping.md says where such rasters are from)"
            )
    return list(named.values())


def covariate_rasters(wildcards):
    """Rasters that columns of the site table are read from; asked for by a job that needs them."""
    own = CONFIG.landuse.covariates.rasters
    return rasters_there(
        {f"landuse.covariates.rasters.{name}": path for name, path in own.items()}
    )


def land_raster(wildcards):
    """The raster that says where an area is land, if it names one."""
    area = CONFIG.mapped[wildcards.area]
    return rasters_there(
        {f"land of {area.name} in map.areas": area.land} if area.land else {}
    )


def plant_labels(wildcards):
    """The labels of the scenes of power plants: the user's own, or simulated ones."""
    if CONFIG.transfer.images is None:
        return f"{PATHS.plant_scenes}/labels.csv"
    labels = Path(CONFIG.transfer.images) / "labels.csv"
    if not labels.exists():
        raise WorkflowError(
            f"{labels}: there are no scenes of power plants. Fetch them (docs/acquisition.md), or "
            "leave the transfer tasks out: --config 'transfer={tasks: []}'"
        )
    return str(labels)


def acquire_rules():
    """Rules that make the archive from the services."""
    names = ["acquire_plan", "fetch_stations", "fetch_maps"]
    names += ["fetch_sentinel2"] if has_collection(SENTINEL2) else []
    kept = has_collection(SENTINEL5P) and not CONFIG.drops_granules
    return names + (["fetch_sentinel5p"] if kept else [])


def timing_files():
    """Benchmark files, by rule, of the jobs that this configuration runs before the report."""
    published = "_published" if CONFIG.source == "published" else ""
    names = [f"landuse{published}", f"patches{published}"]
    names += [part.job for part in evaluation_parts(CONFIG.evaluate)]
    names += [part.job for part in transfer_parts(CONFIG.scenes)]
    names += ["plants"] if TRANSFER_PARTS else []
    names += (
        ["simulate_plants"] if TRANSFER_PARTS and not CONFIG.transfer.images else []
    )
    names += {
        "simulate": ["simulate"],
        "files": ["acquire"],
        "acquire": acquire_rules(),
        "published": [
            f"fetch_published_{Path(path).name}"
            for path in to_fetch(CONFIG.published.tables)
        ],
    }[CONFIG.source]
    if has_collection(SENTINEL5P):
        rule_of_parts = "grid_and_drop_part" if CONFIG.drops_granules else "grid_part"
        names += [f"{rule_of_parts}_{part}" for part in PARTS] + ["grid"]
    if pretrains():
        runs = range(CONFIG.pretrain.runs)
        names += [
            f"pretrain_{run_name(each, run)}" for each in PRETRAINED for run in runs
        ]
    files = timings_by_rule(Path(TIMINGS, f"{name}.tsv") for name in names)
    return {rule: [str(path) for path in paths] for rule, paths in files.items()}
