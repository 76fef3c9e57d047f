"""A page as a script: what counts on it, and that running it changes nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from making.page import Command, File, Text, parts_of, text_of
from making.transcripts import CommandError, run_page

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted((REPOSITORY / "docs").glob("*.md"))
PAGE = """# Title

```yaml title="mine/a.yaml"
one: 1
```

```console
$ cat mine/a.yaml
something old
$ printf '%s\\n' 1 2 \\
    3
1
...
```

<!-- $ echo '| a |' -->
<!-- end -->
"""


def test_files_and_commands_are_told_from_text() -> None:
    counted = [part for part in parts_of(PAGE) if not isinstance(part, Text)]
    assert counted == [
        File("mine/a.yaml", ("one: 1",)),
        Command("cat mine/a.yaml", ("something old",)),
        Command("printf '%s\\n' 1 2 \\\n    3", ("1",), abridged=True),
        Command("echo '| a |'", (), markdown=True),
    ]


def test_running_a_page_writes_what_its_commands_print(tmp_path: Path) -> None:
    after = run_page(PAGE, tmp_path)
    assert after == PAGE.replace("something old", "one: 1").replace(
        "-->\n<!-- end", "-->\n| a |\n<!-- end"
    )
    assert run_page(after, tmp_path) == after


def test_run_keys_are_left_out(tmp_path: Path) -> None:
    page = "```console\n$ echo outputs/ioi/0123456789abcdef/report.html\n```\n"
    assert "outputs/ioi/RUN/report.html" in run_page(page, tmp_path)


def test_a_command_that_fails_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="exit code 3"):
        run_page("```console\n$ exit 3\n```\n", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```console\nls\n```\n", 'begins with "ls", not with'),
        ("```console\n$ ls\n", "is not followed by"),
        ("<!-- $ ls -->\n", "is not followed by"),
    ],
)
def test_a_page_that_cannot_be_run_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parts_of(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_is_parted_without_loss(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text_of(parts_of(text)) == text
