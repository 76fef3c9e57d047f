"""python -m pathpatch_runner.regress [experiment ...]      hold published numbers

Runs what is not there, prints claim, expected, found, verdict; exits 1 if any claim fails.
Without names: every experiment that has a published.yaml.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pathpatch_runner.errors import PathPatchError, PublishedError, did_you_mean
from pathpatch_runner.regress.claim import Published
from pathpatch_runner.regress.golden import GOLDEN
from pathpatch_runner.regress.junit import write_junit
from pathpatch_runner.regress.launch import launcher
from pathpatch_runner.regress.published import read_all
from pathpatch_runner.regress.session import Session, accept, check, tally
from pathpatch_runner.regress.show import console, print_differences, print_verdicts
from pathpatch_runner.regress.verdict import Mark


def experiments_folder() -> Path:
    """The repository's `experiments` where there is one, else the one inside the package."""
    package = Path(__file__).parents[1]
    beside = package.parents[1] / "experiments"
    return beside if beside.is_dir() else package / "experiments"


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pathpatch_runner.regress",
        description="Hold published numbers, and our own last accepted ones, against present runs.",
    )
    parser.add_argument("names", nargs="*", help="experiments (folders); none: all")
    parser.add_argument("--model", help="only claims that need this model")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the verdicts there too")
    parser.add_argument("--accept", action="store_true", help="make the present results golden")
    parser.add_argument("--output-root", type=Path, default=Path("outputs"), metavar="DIR")
    parser.add_argument(
        "--experiments",
        type=Path,
        default=None,
        metavar="DIR",
        help="where <name>/published.yaml is",
    )
    parser.add_argument(
        "--config-dir",
        type=Path,
        default=None,
        metavar="DIR",
        help="your own configs, as in run.py",
    )
    parsed = parser.parse_args(words)
    if parsed.accept and not parsed.names:
        parser.error("--accept: name the experiments whose results to accept")
    if parsed.accept and parsed.model is not None:
        parser.error("--accept: all golden runs are accepted together, so --model cannot be given")
    return parsed


def check_model(files: Sequence[Published], model: str) -> None:
    """Raises PublishedError where nothing names the model: all would pass, for want of claims."""
    runs = [claim.run for file in files for claim in file.claims]
    runs += [run for file in files for run in file.golden.runs]
    named = sorted({run.model for run in runs if run.model is not None})
    if model not in named:
        raise PublishedError(
            f'--model: no claim names "{model}".{did_you_mean(model, named)} '
            f"Named: {', '.join(named) or 'none'}"
        )


def main(words: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 1 if any claim fails or something cannot be read."""
    given = arguments(words)
    folder = given.experiments or experiments_folder()
    own = () if given.config_dir is None else ("--config-dir", str(given.config_dir))
    session = Session(launcher(given.output_root, words=own))
    try:
        files = read_all(folder, tuple(given.names))
        if given.accept:
            for published in files:
                accept(published, session, partial(print_differences, published.name, console()))
                print(f"written: {published.folder / GOLDEN}")
            return 0
        if given.model is not None:
            check_model(files, given.model)
        verdicts = [v for published in files for v in check(published, session, given.model)]
    except PathPatchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print_verdicts(verdicts, console())
    if given.junit is not None:
        write_junit(given.junit, verdicts)
    return 1 if tally(verdicts)[Mark.failed] else 0


if __name__ == "__main__":
    sys.exit(main())
