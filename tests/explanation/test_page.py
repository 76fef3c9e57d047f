"""Every command of docs/path-language.md, and the lines that the page prints below it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pathpatch_runner.explanation.command import main

PAGE = Path(__file__).parents[2] / "docs" / "path-language.md"
COMMAND = re.compile(
    r"```console\n\$ python -m pathpatch_runner\.explain (.*)\n((?:.*\n)+?)\.\.\.\n```",
    re.MULTILINE,
)
EXAMPLES = COMMAND.findall(PAGE.read_text(encoding="utf-8"))


def test_six_examples() -> None:
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize(("command", "printed"), EXAMPLES)
def test_example(command: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(command)) == 0
    assert capsys.readouterr().out.startswith(f"{printed}\n")
