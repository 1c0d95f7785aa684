"""Site table and patch store of a published-layout folder, remade when the folder changes."""

from __future__ import annotations

import hashlib
import json
import logging
import os

import mmaq
from mmaq.base.files import replacing, sha256, state_of
from mmaq.base.layout import Layout
from mmaq.config.schema import Config
from mmaq.landuse.stage import landuse_published
from mmaq.patches.stage import patches_published

LOG = logging.getLogger(__name__)


def prepare_data(config: Config, paths: Layout) -> None:
    """Make the site table and the patch store below ``paths.data``, unless they are still right.

    They are right while tables, images, settings and version are those that they were made from:
    ``source.sha256`` beside them is the digest of all that, and is written last.

    Raises:
        TableError: a table is missing, damaged or impossible.
        ProductError: an image is damaged or not in the published layout.
        ConfigError: a side of the patches is larger than the published pixels.
    """
    note, digest = paths.data / "source.sha256", source_digest(config)
    made = paths.sites.exists() and paths.patches.exists()
    if made and note.exists() and note.read_text(encoding="utf-8") == digest:
        LOG.info("%s is up to date", paths.data)
        return
    note.unlink(missing_ok=True)
    landuse_published(
        config=config.published, covariates=config.landuse.covariates, out=paths.sites
    )
    patches_published(
        config=config.published, patches=config.patches, sites=paths.sites, out=paths.patches
    )
    with replacing(note) as temporary:
        temporary.write_text(digest, encoding="utf-8")


def source_digest(config: Config) -> str:
    """Digest of what the store is made from.

    Tables count by their bytes, images and rasters by path, size and time of change: reading
    thousands of them again would take as long as making the store.
    """
    published, covariates = config.published, config.landuse.covariates
    tables = [published.samples, published.eea_metadata, published.osm, covariates.file]
    about = {
        "version": mmaq.__version__,
        "tables": [sha256(path) if path and os.path.isfile(path) else None for path in tables],
        "landuse": config.landuse.model_dump(mode="json"),
        "patches": config.patches.model_dump(mode="json"),
        "rasters": [state_of(path) for path in covariates.rasters.values()],
        "images": [state_of(folder) for folder in published.folders],
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
