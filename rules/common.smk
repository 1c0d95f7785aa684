# The checked configuration, the paths of this data set, and helpers that the rules share.
import shutil

from snakemake.exceptions import WorkflowError

from mmaq.acquire.manifest import SITES, manifest_names
from mmaq.contracts.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS, TRUTH
from mmaq.config.load import check_config
from mmaq.config.parts import (
    checkpoint_of,
    evaluation_parts,
    pretrained_runs,
    transfer_parts,
)
from mmaq.base.errors import MmaqError
from mmaq.base.layout import Layout
from mmaq.contracts.patches import FILES as STORE_FILES
from mmaq.base.sources import stage_sources
from mmaq.transfer.store import FILES as PLANT_FILES
from mmaq.vocabulary import SELF_SUPERVISED

try:
    CONFIG = check_config(
        config,
        " ".join(map(str, workflow.overwrite_configfiles)) or "config/config.yaml",
    )
except MmaqError as error:
    raise WorkflowError(str(error))

PATHS = Layout(CONFIG.name)
LOGS = f"logs/{CONFIG.name}"
TIMINGS = f"{LOGS}/timings"
# Fine-tuning runs share one GPU in turn, and the cores of a machine without one side by side.
GPUS = int(shutil.which("nvidia-smi") is not None)
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
    """The parts of the section acquire that a fetching rule uses, with what all of them do."""
    parts = {"sentinel2", "sentinel5p", "stations", "maps"} - set(used)
    return section("acquire", unused=[*parts, "unlabelled", "unlabelled_table"])


def transfers(provider):
    """Transfers at once from a provider, by one rule."""
    return OF_THE_DATA_SPACE if provider == "cdse" else TRANSFERS


def data_space(provider):
    """Connections to the Copernicus Data Space that a rule holds."""
    return OF_THE_DATA_SPACE if provider == "cdse" else 0


def has_images():
    """Whether both image modalities are to be there, without which nothing is pretrained."""
    if CONFIG.source == "published":
        return CONFIG.published.images is not None
    return has_collection(SENTINEL2) and has_collection(SENTINEL5P)


def section(name, unused=()):
    """One section of the configuration as plain values, less what a rule does not use."""
    return getattr(CONFIG, name).model_dump(mode="json", exclude=set(unused))


PARTS = CONFIG.period.parts(CONFIG.grid.part)
EVALUATED = f"{PATHS.data}/evaluation"
EVALUATION_PARTS = [part.name for part in evaluation_parts(CONFIG.evaluate)]
PRETRAINED = pretrained_runs(CONFIG.evaluate, CONFIG.scenes)
TRANSFER_PARTS = [part.name for part in transfer_parts(CONFIG.scenes)]
# Settings that only the probes, only trained networks, or only the figures use.
PROBING = ("probes", "heads", "label_fractions", "embedding_trees")
TRAINING = ("finetune", "supervised", "calibrated")
FIGURES = ("bootstrap",)
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
    """The section of one method: the configured run under that method's name and rate."""
    return CONFIG.pretrain.of(wildcards.method).model_dump(mode="json")


def encoders_of(wildcards):
    """Encoders that a method is evaluated by, else nothing where there are no images."""
    run = checkpoint_of(wildcards.method)
    return [f"{PATHS.checkpoints}/{run}.safetensors"] if has_images() else []


def encoders_to_fit():
    """Encoders that the estimator of the section predict reads."""
    if not CONFIG.predict.reads_encoders:
        return []
    method = CONFIG.predict.method
    named = CONFIG.evaluate.embedding_trees[0] if method == "gbm_embedding" else method
    return [f"{PATHS.checkpoints}/{checkpoint_of(named)}.safetensors"]


def loss_curves():
    """The curves of the configured method's run, if it takes part."""
    made = has_images() and CONFIG.pretrain.method in PRETRAINED
    return [f"{PATHS.checkpoints}/{CONFIG.pretrain.method}_losses.csv"] if made else []


def landuse_tables():
    """What the site table is made from."""
    if CONFIG.source == "published":
        tables = CONFIG.published
        return [
            path for path in (tables.samples, tables.eea_metadata, tables.osm) if path
        ]
    return [collection(ANCILLARY), collection(STATIONS)]


def acquire_rules():
    """Rules that make the archive from the services."""
    names = ["acquire_plan", "fetch_stations", "fetch_maps"]
    names += ["fetch_sentinel2"] if has_collection(SENTINEL2) else []
    kept = has_collection(SENTINEL5P) and not CONFIG.drops_granules
    return names + (["fetch_sentinel5p"] if kept else [])


def timing_files():
    """Benchmark files of the rules that this configuration runs before the report."""
    published = "_published" if CONFIG.source == "published" else ""
    names = [f"landuse{published}", f"patches{published}"]
    names += [f"evaluate_{part}" for part in EVALUATION_PARTS + TRANSFER_PARTS]
    names += ["plants"] if TRANSFER_PARTS else []
    names += (
        ["simulate_plants"] if TRANSFER_PARTS and not CONFIG.transfer.images else []
    )
    names += {
        "simulate": ["simulate"],
        "files": ["acquire"],
        "acquire": acquire_rules(),
        "published": [],
    }[CONFIG.source]
    if has_collection(SENTINEL5P):
        names += [f"grid_part_{part}" for part in PARTS] + ["grid"]
    if has_images():
        names += [f"pretrain_{run}" for run in PRETRAINED]
    return [f"{TIMINGS}/{name}.tsv" for name in names]
