"""What the site takes from elsewhere in the repository when it is built (mkdocs.yml names it).

Pages from files that are not in this folder, sections of the README, the table of rules and their
graph, notebooks, which are run; and links out of this folder, which a site has no place for.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

import notebook  # noqa: E402
from rule_graph import graph, table  # noqa: E402

from mmaq.config.readme import config_readme  # noqa: E402
from mmaq.orchestrate.workflow import read_workflow  # noqa: E402

PAGES = {
    "README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md",
    "config/config.yaml": "configuration.md", "config/README.md": "configuration.md",
}  # fmt: skip
"""Files of the repository, and the page of the site that a link to one leads to."""

NOTEBOOKS = "notebooks"
"""Folder of the notebooks, whose links lead to pages of the site alone."""

LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")
SHIM = "https://unpkg.com/iframe-worker/shim"
INCLUDE = re.compile(r"^<!-- README: (.+) -->$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are written from files outside of this folder."""
    texts = {
        "configuration.md": config_readme(),
        "changelog.md": _moved(_read("CHANGELOG.md")),
        "contributing.md": _moved(_read("CONTRIBUTING.md")),
    }
    for name, text in texts.items():
        files.append(File.generated(config, name, content=text))
    with TemporaryDirectory() as folder:  # one for all: what one has simulated serves the next
        for path in sorted((ROOT / "docs" / NOTEBOOKS).glob("*.py")):
            page = notebook.run(path, Path(folder))
            made = {f"{path.stem}.md": page.text, **page.figures}
            for name, content in made.items():
                files.append(File.generated(config, f"{NOTEBOOKS}/{name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what a page asks for, and mend its links out of this folder."""
    markdown = INCLUDE.sub(lambda found: _moved(_section(found[1])), markdown)
    if "<!-- rules -->" in markdown:
        os.chdir(ROOT)  # Snakemake finds its files from there
        workflow = read_workflow(ROOT / "config" / "config.yaml")
        markdown = markdown.replace("<!-- rules -->", table(ROOT))
        markdown = markdown.replace("<!-- graph -->", graph(workflow.jobs))
    if page.file.src_uri.startswith(f"{NOTEBOOKS}/"):
        return markdown
    return LINK.sub(lambda found: _link(*found.groups(), out="../"), markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Take the theme's one script of another host, for the search in a folder, from this folder."""
    return output.replace(SHIM, "../" * page.url.count("/") + "iframe-worker.js")


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """The same on the page that stands for a missing one."""
    return output_content.replace(SHIM, "/iframe-worker.js")


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _section(heading: str) -> str:
    """A section of the README, without its heading."""
    found = re.search(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", _read("README.md"), re.M | re.S
    )
    if found is None:
        raise PluginError(
            f"README.md has no section {heading!r}: correct the page that asks for it"
        )
    return found[1].strip()


def _moved(text: str) -> str:
    """A text of the repository's folder, its links as from this one."""
    text = re.sub(r"\]\(docs/", "](", text)
    return LINK.sub(lambda found: _link(*found.groups(), out=""), text)


def _link(text: str, target: str, anchor: str | None, out: str) -> str:
    """A link to a page of the site; to another file of the repository: its name alone."""
    inside = target.removeprefix(out)
    if inside in PAGES and (out == "" or target != inside):
        return f"[{text}]({PAGES[inside]}{anchor or ''})"
    if (out and target != inside) or (not out and not (ROOT / "docs" / target).exists()):
        return text if text.strip("`") == inside else f"{text} (`{inside}`)"
    return f"[{text}]({target}{anchor or ''})"
