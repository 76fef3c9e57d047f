"""The newest records as tables in Markdown, for the page docs/performance.md.

    python benchmarks/newest.py paths|beside|edges|others

Reads `records/` and nothing else: what is printed was measured by the script that the table names.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

RECORDS = Path(__file__).resolve().parent / "records"
NAME = re.compile(r"(?:(\w+)-)?(\d{4}-\d\d-\d\d)\.json")
Record = dict[str, Any]


def newest() -> dict[str, tuple[str, Record]]:
    """(date, record) by kind; `run.py`'s own have no name and are "paths"."""
    found: dict[str, tuple[str, Record]] = {}
    for file in sorted(RECORDS.iterdir(), key=lambda file: file.name[-15:]):
        if named := NAME.fullmatch(file.name):
            record = json.loads(file.read_text(encoding="utf-8"))
            found[named[1] or "paths"] = (named[2], record)
    return found


def paths(date: str, record: Record) -> Iterator[str]:
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


def beside(date: str, record: Record) -> Iterator[str]:
    """What a run costs beside its work."""
    now = record["now"]
    yield f"`python benchmarks/beside.py`, {date}, whole commands:"
    yield ""
    yield "| | seconds |"
    yield "|---|---:|"
    for experiment in ("micro", "induction"):
        yield f"| the same command again, `{experiment}` | {now[f'found {experiment}']:.1f} |"
    for which, said in now["questions"].items():
        stages = said["stages"]
        passes = ", ".join(f"{count} {what}" for what, count in said["forward_passes"].items())
        yield f"| a {which} question to GPT-2 small's shape, in all | {said['seconds']:.1f} |"
        yield f"| of it loading and probing | {stages['load']:.1f} |"
        yield f"| of it guards and proof (forward passes: {passes}) | {stages['guards']:.1f} |"


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
