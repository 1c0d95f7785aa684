"""The documentation site builds without a warning, and nothing in it is fetched from elsewhere."""

import re
import subprocess
import sys

import jupytext
import pytest

pytestmark = pytest.mark.slow

LOADED = re.compile(
    r"""<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=["']?(?:https?:)?//[^\s"'>]+"""
    r"""|url\(\s*["']?(?:https?:)?//[^\s"')]+|@import\s+["'](?:https?:)?//[^"']+""",
)


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    root = request.config.rootpath
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<script src="https://unpkg.com/x.js">', True),
        ("<link rel=stylesheet href=//fonts.example/css>", True),
        ("a{background:url(https://a.example/x.png)}", True),
        ('<a href="https://stacspec.org">STAC</a> <img src="x.png">', False),
    ],
)
def test_what_is_loaded_from_elsewhere_is_found(text, found):
    assert bool(LOADED.search(text)) == found


def test_notebooks_are_their_texts_without_outputs(request):
    texts = sorted((request.config.rootpath / "docs" / "notebooks").glob("*.py"))
    assert [path.stem for path in texts] == ["granule_to_site", "new_estimator"]
    for path in texts:
        pair = [jupytext.read(each).cells for each in (path, path.with_suffix(".ipynb"))]
        first, second = ([(cell.cell_type, cell.source) for cell in cells] for cells in pair)
        assert first == second, "run `make format`"
        assert not any(cell.get("outputs") for cell in pair[1])


def test_notebooks_have_run(site):
    page = (site / "notebooks" / "granule_to_site.html").read_text()
    assert "60 sites; patches: Sentinel-2 (60, 12, 32, 32)" in page
    for figure in ("granule_to_site_1", "granule_to_site_2", "new_estimator_1"):
        assert (site / "notebooks" / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
    compared = (site / "notebooks" / "new_estimator.html").read_text()
    assert re.search(r"<th[^>]*>alike</th>\s*<th>random</th>\s*<td>[\d.-]+</td>", compared)


def test_pages_load_nothing_from_elsewhere(site):
    pages = [path for path in site.rglob("*") if path.suffix in (".html", ".css")]
    assert len(pages) > 25
    loaded = {(path.name, *LOADED.findall(path.read_text(encoding="utf-8"))) for path in pages}
    assert not [each for each in loaded if len(each) > 1]


def test_what_is_written_at_the_build_is_there(site):
    assert "qa_value above this are used" in (site / "configuration.html").read_text()
    rules = (site / "rules.html").read_text()
    assert re.search(r"<text[^>]*>benchmark_table</text>", rules)
    assert "rules/pretrain.smk" in rules
    assert "gbm_geo_kriging" in (site / "results.html").read_text()
    assert "latitude (ascending)" in (site / "functions.html").read_text()
    assert (
        "<!-- " not in (site / "rules.html").read_text().split("<article")[1].split("</article")[0]
    )
