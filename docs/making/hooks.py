"""What mkdocs calls while it builds the site: pages that are not Markdown files of `docs/`.

The notebook becomes a page, and so do the READMEs that pages link to. In the repository such a link
is `../experiments/ioi/README.md`, on the site `experiments/ioi/README.md`. Of each record of a
benchmark the newest is a table: `<!-- benchmarks: NAME -->`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

REPOSITORY = Path(__file__).parents[2]
sys.path[:0] = [str(REPOSITORY / "docs"), str(REPOSITORY / "benchmarks")]

from newest import table  # noqa: E402

from making.notebook import as_markdown  # noqa: E402  made findable above

TAKEN_IN = ("ARCHITECTURE.md", "CHANGELOG.md", "benchmarks/README.md", "experiments/*/README.md")
"""Files of the repository that are pages of the site."""
PICTURES = ("experiments/*/*.svg",)

_ASKED = re.compile(
    r'<(?:script|link|img|iframe|source|video)[^>]*?(?:src|href)="((?:https?:)?//[^"]*)"'
)
_NO_HEAD = re.compile(r"<th([^>]*)></th>")
_DIALOG = '<div class="md-search" data-md-component="search" role="dialog"'
_LINK = re.compile(r"(\]\(|src=\")\.\./([^)\"]+)")
_HOME = re.compile(r"\]\(\.\./README\.md(#[\w-]+)?\)")
_RECORD = re.compile(r"<!-- benchmarks: (\w+) -->")
_TO_DOCS = re.compile(r"\]\((?:\.\./)*docs/")


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Take in the notebook and the READMEs."""
    for notebook in sorted(Path(config.docs_dir).glob("*.ipynb")):
        text = as_markdown(notebook.read_text(encoding="utf-8"))
        files.append(File.generated(config, f"{notebook.stem}.md", content=text))
    for pattern in TAKEN_IN:
        for found in sorted(REPOSITORY.glob(pattern)):
            name = str(found.relative_to(REPOSITORY))
            text = found.read_text(encoding="utf-8")
            files.append(File.generated(config, name, content=text))
    for pattern in PICTURES:
        for found in sorted(REPOSITORY.glob(pattern)):
            name = str(found.relative_to(REPOSITORY))
            files.append(File.generated(config, name, abs_src_path=str(found)))
    return files


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Refuse a page that asks another host for anything; links that a reader follows are his. The
    theme's search gets the name that it lacks, and what is no head of a table is none."""
    if asked := _ASKED.findall(output):
        raise PluginError(f"{page.file.src_uri} asks another host: {', '.join(asked)}")
    output = output.replace(_DIALOG, f'{_DIALOG} aria-label="Search"')
    return _NO_HEAD.sub(r"<td\1></td>", output)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of the repository as links of the site."""
    uri: str = page.file.src_uri
    up = "../" * uri.count("/")
    if "/" in uri:
        return _TO_DOCS.sub(f"]({up}", markdown)
    markdown = _RECORD.sub(lambda match: table(match[1]), markdown)
    markdown = _HOME.sub("](index.md)", markdown)
    markdown = markdown.replace("ioi.ipynb)", "ioi.md)")
    return _LINK.sub(r"\1\2", markdown)
