"""Run the pages and write what their commands print, or check it.

    python docs/making/transcripts.py docs/numbers.md ...      # writes
    python docs/making/transcripts.py --check docs/*.md        # exits 1 where a page is untrue

Pages run in `build/pages/`, made anew (`--keep`: with the runs that are there), which links to what
commands need. Run keys, which change with the code, are written `RUN`.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from making.page import Command, File, Part, parts_of, text_of

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "build" / "pages"
LINKS = ("run.py", "conf", "experiments", "benchmarks", "docs")
RUN_KEY = re.compile(r"\b[0-9a-f]{16}\b")
HEAD = re.compile(r"\| head -(\d+)$")
COLUMNS = "92"
"""Of the terminal that a page shows."""


class CommandError(RuntimeError):
    """A command of a page that failed."""


def prepare(folder: Path) -> Path:
    """The folder in which pages run, with links to the repository."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in LINKS:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(REPOSITORY / name)
    return folder


def output_of(command: str, folder: Path) -> str:
    """What a command prints, by `bash`. Raises CommandError where it fails."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLUMNS": COLUMNS,
        "NO_COLOR": "1",
    }
    # `head` leaves when it has enough, and what writes to it fails; sed prints the same and stays.
    patient = HEAD.sub(r"| sed -n 1,\1p", command)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", patient],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise CommandError(f"$ {command}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return RUN_KEY.sub("RUN", done.stdout)


def run_page(text: str, folder: Path) -> str:
    """The page with what its commands print now."""
    done: list[Part] = []
    for part in parts_of(text):
        if isinstance(part, File):
            path = folder / part.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in part.lines), encoding="utf-8")
        if isinstance(part, Command):
            print(f"  $ {part.command}", file=sys.stderr)
            part = part.printing(output_of(part.command, folder))
        done.append(part)
    return text_of(done)


def main() -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Write or check what the pages' commands print.")
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; say what differs")
    parser.add_argument("--keep", action="store_true", help="keep the runs of earlier pages")
    given = parser.parse_args()
    if not given.keep:
        shutil.rmtree(FOLDER, ignore_errors=True)
    folder = prepare(FOLDER)
    wrong = 0
    for page in given.pages:
        print(page, file=sys.stderr)
        before = page.read_text(encoding="utf-8")
        after = run_page(before, folder)
        if given.check:
            differs = difflib.unified_diff(
                before.splitlines(), after.splitlines(), str(page), "as printed", lineterm=""
            )
            said = "\n".join(differs)
            wrong += bool(said)
            print(said or f"{page}: true")
        else:
            page.write_text(after, encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
