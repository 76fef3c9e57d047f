"""A page is a script. Three things on it count, everything else is prose:

    ```yaml title="mine/experiment/names.yaml"      a file of that name, with what the block holds
    ```console                                      commands after "$ ", each with what it prints
    <!-- $ python benchmarks/newest.py -->          a command that prints Markdown, up to
    <!-- end -->                                    this line

Run from top to bottom in one folder, a page makes its files and fills in what its commands print.
A console block whose last line is `...` shows only the first lines: as many as it has now.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

TITLED = re.compile(r'^```\w+ title="([^"]+)"$')
MARKDOWN = re.compile(r"^<!-- \$ (.+) -->$")
END = "<!-- end -->"
FENCE = "```"
MORE = "..."


@dataclass(frozen=True)
class Text:
    """Lines that stand as they are."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class File:
    """`path`: relative to the folder that the page runs in."""

    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """`printed`: what the page says that it prints. `markdown`: as part of the page, not a block.
    `abridged`: only the first lines."""

    command: str
    printed: tuple[str, ...]
    markdown: bool = False
    abridged: bool = False

    def printing(self, output: str) -> Command:
        """The same with what it really printed."""
        lines = tuple(line.rstrip() for line in output.strip("\n").splitlines())
        if self.abridged:
            lines = lines[: len(self.printed)]
        return replace(self, printed=lines)


Part = Text | File | Command


def parts_of(text: str) -> list[Part]:
    """The page in order. Raises ValueError for a block or a command without its end."""
    lines = iter(text.splitlines())
    return [part for line in lines for part in _part(line, lines)]


def _part(line: str, rest: Iterator[str]) -> list[Part]:
    if titled := TITLED.match(line):
        body = _until(FENCE, line, rest)
        return [Text((line,)), File(titled[1], body), Text((FENCE,))]
    if line == "```console":
        return [Text((line,)), *_commands(_until(FENCE, line, rest)), Text((FENCE,))]
    if command := MARKDOWN.match(line):
        body = _until(END, line, rest)
        return [Text((line,)), Command(command[1], body, markdown=True), Text((END,))]
    return [Text((line,))]


def _until(end: str, opening: str, rest: Iterator[str]) -> tuple[str, ...]:
    body: list[str] = []
    for line in rest:
        if line == end:
            return tuple(body)
        body.append(line)
    raise ValueError(f'"{opening}" is not followed by "{end}"')


def _commands(block: tuple[str, ...]) -> Iterator[Command]:
    starts = [number for number, line in enumerate(block) if line.startswith("$ ")]
    if not starts or starts[0] != 0:
        raise ValueError(f'a console block begins with "{next(iter(block), "")}", not with "$ "')
    for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
        first = start + 1
        while block[first - 1].endswith("\\"):
            first += 1
        printed = block[first:end]
        more = printed[-1:] == (MORE,)
        command = "\n".join(block[start:first]).removeprefix("$ ")
        yield Command(command, printed[:-1] if more else printed, abridged=more)


def text_of(parts: list[Part]) -> str:
    """The page again."""
    lines: list[str] = []
    for part in parts:
        if isinstance(part, Command):
            lines += [] if part.markdown else [f"$ {part.command}"]
            lines += [*part.printed, MORE] if part.abridged else part.printed
        else:
            lines += part.lines
    return "".join(f"{line}\n" for line in lines)
