"""What Snakemake runs again after a change of files that the user has, and of nothing else.

Nothing is made: outputs are empty and recorded (``--touch``).
"""

import os
import subprocess

import pytest
import yaml

from mmaq.contracts.archive import ANCILLARY, SENTINEL2, STATIONS
from mmaq.contracts.patches import FILES as STORE
from mmaq.transfer.store import FILES as PLANTS
from tests.workflow.conftest import ROOT, TINY, Workflow

pytestmark = pytest.mark.slow

ARCHIVE = [f"data/mine/archive/{name}/collection.json" for name in (SENTINEL2, ANCILLARY, STATIONS)]
SCENES = [f"data/mine/plants/{name}" for name in PLANTS]
IMAGES = [f"data/mine/patches/{name}" for name in STORE]


class Recorded(Workflow):
    """Targets of a configuration that are up to date, in a folder with files of the user."""

    def __init__(self, folder, targets, there, **config):
        super().__init__(folder)
        self.targets = targets
        for name in (*there, *targets, "data/mine/sites.parquet"):
            self.write(name)
        self.config = folder / "mine.yaml"
        self.config.write_text(yaml.safe_dump({"name": "mine", **config}))
        self.would_run("--touch", "--forceall")

    def write(self, name, text=""):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def would_run(self, *how):
        """Rules of a run."""
        how = how or ("--dry-run", "--quiet", "host")
        done = self.run(*self.targets, *how, config=self.config)
        told = done.stdout + done.stderr
        assert done.returncode == 0, told[-3000:]
        return {line.split()[1].rstrip(":") for line in told.splitlines() if line[:5] == "rule "}

    def after(self, change):
        """Rules that a change makes run again; they are recorded as run."""
        change()
        rules = self.would_run()
        self.would_run("--touch", "--forceall")
        return rules


def test_scenes_maps_and_tables_of_ones_own_are_catalogued_again(tmp_path):
    files = {"sentinel2": "s2", "ancillary": "maps", "stations": "eea", "unlabelled": "sites.csv"}
    scene, dem = "s2/A/GRANULE/B02.tif", "maps/dem.tif"
    there = [scene, dem, "eea/a.parquet", "sites.csv", "scenes/labels.csv", "scenes/images/a.tif"]
    mine = Recorded(
        tmp_path, ARCHIVE + SCENES, there, source="files", files=files,
        transfer={"images": "scenes"},
    )  # fmt: skip
    assert mine.would_run() == set()
    assert mine.after(lambda: mine.write("maps/other/dem.tif")) == set()
    assert mine.after(lambda: mine.write("s2/B/GRANULE/B02.tif")) == {"acquire"}
    assert mine.after(lambda: os.utime(tmp_path / dem, (1, 1))) == {"acquire"}
    assert mine.after(lambda: mine.write("sites.csv", "site_id")) == {"acquire"}
    assert mine.after(lambda: mine.write("scenes/images/b.tif")) == {"plants"}


def test_images_of_ones_own_are_cut_again(tmp_path):
    image, tables = "images/sentinel-2/AT/a.npy", {"samples": "a.csv", "eea_metadata": "b.csv"}
    mine = Recorded(
        tmp_path, IMAGES, [image, *tables.values()], source="published",
        published={**tables, "images": "images"},
    )  # fmt: skip
    assert mine.after(lambda: mine.write("images/notes.txt")) == set()
    assert mine.after(lambda: mine.write(image, "new")) == {"patches_published"}


def test_a_search_follows_the_table_that_it_was_given(tmp_path):
    manifests = [f"data/mine/manifest/{name}" for name in ("sites.csv", "stations.tsv")]
    manifests += [f"data/mine/manifest/{name}.json" for name in (SENTINEL2, ANCILLARY, STATIONS)]
    asked = {"unlabelled_table": "sites.csv", "sentinel5p": {"provider": "none"}}
    box = {"grid": {"bbox": [5, 49, 7, 51]}}
    mine = Recorded(tmp_path, manifests, ["sites.csv"], source="acquire", acquire=asked, **box)
    assert mine.would_run() == set()
    assert mine.after(lambda: mine.write("sites.csv", "site_id")) == {"acquire_plan"}


def test_the_command_line_is_read_as_a_file_is(tmp_path):
    """But for a key that stands twice, of which Snakemake takes the last, and for nothing."""
    mine = Workflow(tmp_path)
    given = ("data/tiny/sites.parquet", "--dry-run", "--config")
    done = mine.run(*given, "grid={cloud_fraction: null}", "files={sentinel2: ~}", config=TINY)
    assert done.returncode == 0, done.stderr
    done = mine.run(*given, "evaluate={folds: 3, folds: 4}", config=TINY)
    assert done.returncode != 0
    assert "the command line: folds stands twice" in done.stdout + done.stderr


def test_make_clean_leaves_what_the_user_has_put_there(tmp_path):
    kept = ("Makefile", "data/raw/mine.csv", "data/raw/images/a.npy", ".venv/x", "own/dem.tif")
    for name in (*kept, "data/mine/sites.parquet", "data/raw.txt", "results/a.csv", "logs/a.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(kept)
