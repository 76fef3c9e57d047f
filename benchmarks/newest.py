"""The newest records as tables in Markdown, for the page docs/performance.md.

    python benchmarks/newest.py run|paths|beside|edges|others

Reads `records/` and nothing else: what is printed was measured by the script that the table names.
"""

from __future__ import annotations

import functools
import json
import operator
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

RECORDS = Path(__file__).resolve().parent / "records"
NAME = re.compile(r"(?:(\w+)-)?(\d{4}-\d\d-\d\d)\.json")
Record = dict[str, Any]


def newest() -> dict[str, tuple[str, Record]]:
    """(date, record) by kind; `run.py`'s own have no name in theirs."""
    found: dict[str, tuple[str, Record]] = {}
    for file in sorted(RECORDS.iterdir(), key=lambda file: file.name[-15:]):
        if named := NAME.fullmatch(file.name):
            record = json.loads(file.read_text(encoding="utf-8"))
            found[named[1] or "run"] = (named[2], record)
    return found


def run(date: str, record: Record) -> Iterator[str]:
    """Time a path beside TransformerLens' time an edge."""
    versions = record["versions"]
    yield (
        f"`make bench`, {date}: {record['machine']}, torch {versions['torch']}, "
        f"TransformerLens {versions['transformer-lens']}."
    )
    yield ""
    yield "| path sets | of them | TransformerLens, an edge | here, a path set | times as fast |"
    yield "|---|---:|---:|---:|---:|"
    for found in record["workloads"].values():
        yield (
            f"| {found['workload']} | {found['paths']:,} | "
            f"{milliseconds(found['seconds_an_edge_theirs'])} | "
            f"{milliseconds(found['seconds_a_path_ours'])} | {found['ratio']:,.0f} |"
        )
    for found in record.get("memory", []):
        budget, peak = found["budget_gib"], found["peak_gib"]
        yield ""
        yield f"`runtime.memory_gb={budget}`: {peak:.2f} GiB above the loaded model at the peak."


def paths(date: str, record: Record) -> Iterator[str]:
    """Many single paths, and the search among them."""
    unrelated, spectrum, whole = record["unrelated"], record["spectrum"], record["whole"]
    search, induction = record["search"], record["induction"]
    walked = (
        f"walked one by one {milliseconds(unrelated['layer_walk_ms'] / 1e3)}: "
        f"{unrelated['ratio_to_layer_walk']:.1f} times; with output matrices of single heads "
        f"{milliseconds(unrelated['plain_walk_ms'] / 1e3)}: "
        f"{unrelated['ratio_to_plain_walk']:.1f} times; evaluating only what changes in a head too "
        f"{milliseconds(unrelated['walk_ms'] / 1e3)}: {unrelated['ratio_to_walk']:.1f} times"
    )
    whole_seconds, stages = whole["seconds"], whole["stages"]
    yield f"`python benchmarks/paths.py`, {date}: {record['machine']}."
    yield ""
    yield "| | | beside |"
    yield "|---|---:|---|"
    yield (
        f"| a path, of {unrelated['paths']} unrelated ones | "
        f"{milliseconds(unrelated['ours_ms'] / 1e3)} | {walked} |"
    )
    yield (
        f"| executing {spectrum['paths']:,} paths | {spectrum['now']:.1f} s | "
        f"before {spectrum['before']:.1f} s: {spectrum['ratio']:.1f} times |"
    )
    yield (
        f"| executing all {whole['units']:,} paths of at most two nodes between | "
        f"{stages['execute']:.1f} s | planning {stages['plan']:.1f} s, tables "
        f"{stages['tables']:.1f} s, whole command {whole_seconds:.0f} s |"
    )
    yield (
        f"| evaluations of a search | {search['evaluations_a_second']:,.0f} a second | "
        f"{search['ratio_level_by_level']:.2f} times the time of a list for each level, "
        f"{search['ratio']:.2f} times that of one list of all |"
    )
    yield (
        f"| all {induction['units']} paths of `induction`'s model, whole command | "
        f"{induction['seconds']:.1f} s | executing {induction['stages']['execute']:.1f} s |"
    )


def beside(date: str, record: Record) -> Iterator[str]:
    """What a run costs beside its work."""
    trees = [record[name] for name in ("before", "now") if name in record]

    def row(what: str, *keys: str) -> str:
        seconds = [f"{functools.reduce(operator.getitem, keys, tree):.1f}" for tree in trees]
        return f"| {what} | {' | '.join(seconds)} |"

    yield f"`python benchmarks/beside.py`, {date}, whole commands, seconds:"
    yield ""
    yield f"| | {'before | ' if len(trees) == 2 else ''}now |"
    yield f"|---|{'---:|' * len(trees)}"
    for experiment in ("micro", "induction"):
        yield row(f"the same command again, `{experiment}`", f"found {experiment}", "wall")
    for which, said in record["now"]["questions"].items():
        question = ("questions", which)
        passes = ", ".join(f"{count} {what}" for what, count in said["forward_passes"].items())
        yield row(f"a {which} question to GPT-2 small's shape, in all", *question, "seconds")
        yield row("of it loading and probing", *question, "stages", "load")
        guards = f"of it guards and proof (forward passes now: {passes})"
        yield row(guards, *question, "stages", "guards")


def edges(date: str, record: Record) -> Iterator[str]:
    """Scores of edges and circuits."""
    exact, eap, sizes = record["exact"], record["eap"], record["sizes"]
    theirs = f"TransformerLens {eap['seconds_theirs']:.0f} s, scaled from "
    theirs += f"{eap['theirs_measured_on_pairs']} of 16 pairs: {eap['ratio']:.0f} times"
    a_pass = f"a forward pass {milliseconds(exact['seconds_a_pass'])}: {exact['ratio']:.1f} times"
    yield f"`python benchmarks/edges.py`, {date}: {record['machine']}."
    yield ""
    yield "| | seconds | forward passes | beside |"
    yield "|---|---:|---:|---|"
    yield f"| an edge, exact | {exact['seconds_an_edge']:.3f} | | {a_pass} |"
    yield (
        f"| all {eap['edges']:,} edges by `eap` | {eap['seconds']:.1f} | {eap['passes']:.1f} | "
        f"{theirs} |"
    )
    yield f"| ten sizes of a circuit | {sizes['seconds']:.1f} | {sizes['passes']:.1f} | |"


def milliseconds(seconds: float) -> str:
    """With two digits that say something."""
    value = 1e3 * seconds
    return f"{value:.0f} ms" if value >= 10 else f"{value:.2g} ms"


TABLES: dict[str, Callable[[str, Record], Iterator[str]]] = {
    "run": run,
    "paths": paths,
    "beside": beside,
    "edges": edges,
}


def table(name: str) -> str:
    """Of the newest record of that kind; `others` names those that have no table."""
    found = newest()
    if name == "others":
        others = [
            f"`{kind}-{date}.json`" for kind, (date, _) in found.items() if kind not in TABLES
        ]
        return f"Also in `benchmarks/records`: {', '.join(others) or 'nothing more'}."
    if name not in found:
        return f"No record of `benchmarks/{name}.py` yet."
    return "\n".join(TABLES[name](*found[name]))


if __name__ == "__main__":
    print(table(sys.argv[1]))
