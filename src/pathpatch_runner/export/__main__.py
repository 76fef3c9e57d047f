"""python -m pathpatch_runner.export FROM FILE    results and circuits, to other tools and back

export RUN_DIR graph.json                     edge effects of a run, as EAP-IG's graph JSON
export RUN_DIR paths.parquet                  its paths with effects, intervals and counts
export --import graph.json ours.json          a circuit file of another tool, as ours
export --import ours.json theirs.json --as eap
export --import paths.json found.yaml         a path list as a hypothesis
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pathpatch_runner.errors import PathPatchError, StoreError
from pathpatch_runner.export.convert import read_file, write_file
from pathpatch_runner.export.edge_effects import Choice, run_graph
from pathpatch_runner.export.path_list import (
    hypothesis_text,
    read_paths,
    run_paths,
    write_paths,
)
from pathpatch_runner.store.atomic import write_text

FORMS = ("eap", "circuit", "edges", "paths", "hypothesis")
BY_ENDING = {".txt": "edges", ".parquet": "paths", ".yaml": "hypothesis", ".yml": "hypothesis"}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 1 with one message."""
    given = _parser().parse_args(argv)
    try:
        print(_exported(given))
    except PathPatchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f'error: "{given.file}" cannot be written: {error.strerror}', file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pathpatch_runner.export",
        description="Results and circuits, to other tools and back.",
        epilog="Formats: eap, the graph JSON of EAP-IG and MIB; circuit, ours, with more in it; "
        "edges, text with an edge a line; paths, a path list (.parquet or .json); hypothesis, "
        "YAML. Left out, the ending of FILE says it; of a .json, a run gives eap and --import "
        "gives circuit.",
    )
    add = parser.add_argument
    add("source", type=Path, metavar="FROM", help="outputs/<experiment>/<run key>, or a file")
    add("file", type=Path, metavar="FILE", help="the file to write")
    add("--import", action="store_true", dest="reads", help="FROM is a circuit file or a path list")
    add("--as", choices=FORMS, dest="form", help="the format of FILE")
    add("--metric", help="of a run that has several")
    add("--direction", choices=("noising", "denoising"), default="noising")
    add("--hypothesis", help="only rows of this one")
    add("--top", type=int, default=0, metavar="N", help="mark the N largest |scores| as in_graph")
    add("--by", metavar="METHOD", help="whose scores EAP-IG's file gets, where there are several")
    add("--like", type=Path, metavar="PATH", help="a run or graph JSON of the model of a text file")
    return parser


def _exported(given: argparse.Namespace) -> str:
    form = given.form or BY_ENDING.get(given.file.suffix, "circuit" if given.reads else "eap")
    if not given.file.parent.is_dir():
        raise StoreError(f'"{given.file.parent}" is not a directory. Make it first')
    if given.reads:
        return _converted(given, form)
    if given.source.is_file():
        raise StoreError(f'"{given.source}" is a file. To convert it, say --import')
    choice = Choice(given.metric, given.direction, given.hypothesis, given.top)
    if form == "hypothesis":
        raise StoreError("a run's own config has its hypotheses. --as hypothesis is for path lists")
    if form == "paths":
        table, about = run_paths(given.source, choice)
        write_paths(given.file, table, about)
        return f"{len(table)} paths  {given.file}"
    count = write_file(given.file, run_graph(given.source, choice), form, given.by)
    return f"{count} edges  {given.file}"


def _converted(given: argparse.Namespace, form: str) -> str:
    if form in ("paths", "hypothesis"):
        table = read_paths(given.source)
        if form == "paths":
            write_paths(given.file, table, {"source": given.source.name})
        else:
            write_text(given.file, hypothesis_text(table, given.source.name))
        return f"{len(table)} paths  {given.file}"
    graph = read_file(given.source, given.like)
    return f"{write_file(given.file, graph, form, given.by)} edges  {given.file}"


if __name__ == "__main__":
    sys.exit(main())
